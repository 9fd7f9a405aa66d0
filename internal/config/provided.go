// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"

	"github.com/arvados-s3/keepstore/creds"
)

// Provided are settings that the program itself knows, in standalone mode,
// where no cluster exists to name in the file.
type Provided struct {
	ClusterID string
	APIURL    string
	// APICAFile is a PEM file of what to trust at APIURL; empty means what
	// the system trusts.
	APICAFile  string
	SigningKey creds.Secret
}

func (p Provided) arvados() arvados {
	return arvados{clusterID: p.ClusterID, apiURL: p.APIURL, apiCAFile: p.APICAFile, signingKey: p.SigningKey}
}

// IsFault reports whether err says that a configuration file is faulty.
func IsFault(err error) bool {
	var e *Error
	return errors.As(err, &e)
}
