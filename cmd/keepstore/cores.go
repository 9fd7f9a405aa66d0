// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import "syscall"

// forbidCores sees to it that a crash leaves no file with the memory of this
// process, which holds tokens and keys. The dump collectors of the usual
// distributions heed the limit too.
func forbidCores() error {
	return syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{})
}
