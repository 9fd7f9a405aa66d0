// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

// Package running tells commands of the same machine where a server in
// standalone mode listens: by a file in its data folder, which counts only
// while the server holds a lock on it.
package running
