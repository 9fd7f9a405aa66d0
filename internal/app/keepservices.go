// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package app

import (
	"net"
	"strconv"
	"sync"

	"github.com/arvados-s3/keepstore/internal/apiserver"
)

// keepServices tells the embedded API server where keepstore listens, which
// is known only after it does.
type keepServices struct {
	uuid     string
	mu       sync.Mutex
	services []apiserver.KeepService // guarded by mu
}

func (k *keepServices) list() []apiserver.KeepService {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.services
}

func (k *keepServices) set(address string) {
	host, portText, err := net.SplitHostPort(address)
	port, _ := strconv.Atoi(portText) // a listener's own address
	if err != nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	// Any type but "disk" gives clients the longer time limits that a first
	// byte from S3 needs; "proxy" would hide the service inside the site.
	k.services = []apiserver.KeepService{{UUID: k.uuid, Host: host, Port: port, Type: "s3"}}
}
