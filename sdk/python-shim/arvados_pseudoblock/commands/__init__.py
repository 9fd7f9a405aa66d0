# Copyright (C) The keepstore authors.
# SPDX-License-Identifier: Apache-2.0

"""The programs: ``arv-import-s3`` and ``arv-cwl-s3``."""
