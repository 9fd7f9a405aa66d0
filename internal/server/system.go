// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package server

// system checks the system root token, which opens the routes that other
// services of the cluster use.
func (x *exchange) system() error {
	if x.SystemRootToken.IsZero() {
		return refuse("disabled", "this route is off: the operator can set system_root_token_file")
	}
	token, err := x.token()
	if err != nil {
		return err
	}
	if !token.Equal(x.SystemRootToken) {
		return refuse("system-token", "this needs the system root token of the cluster")
	}
	return nil
}
