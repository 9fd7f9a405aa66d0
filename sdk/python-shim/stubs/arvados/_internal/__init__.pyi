# Copyright (C) The keepstore authors.
# SPDX-License-Identifier: Apache-2.0

