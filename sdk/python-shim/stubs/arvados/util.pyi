# Copyright (C) The keepstore authors.
# SPDX-License-Identifier: Apache-2.0

import re

collection_uuid_pattern: re.Pattern[str]
group_uuid_pattern: re.Pattern[str]
user_uuid_pattern: re.Pattern[str]
portable_data_hash_pattern: re.Pattern[str]

def ca_certs_path() -> str: ...
def new_request_id() -> str: ...
