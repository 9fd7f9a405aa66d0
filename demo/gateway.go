// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"time"
)

// childArgument makes this program an S3 gateway.
const childArgument = "demo-s3"

const region = "us-east-1"

// keyPair is an S3 access key with its secret.
type keyPair struct{ Access, Secret string }

// gatewaySettings go to the child.
type gatewaySettings struct {
	Address   string
	Health    string // path that answers without a signature, and that nobody else knows
	Folder    string
	AccessLog string
	// Sidecar asks for metadata in files even where attributes work.
	Sidecar bool
	// Owner may do everything, the others what the bucket policies say.
	Owner, Reader, Ann, Bob keyPair
}

// gateway is a running child with an S3 gateway.
type gateway struct {
	*child
	gatewaySettings
	url string
}

// startGateway starts a gateway and waits until it answers. Another program
// may take the port between the choice and its use, so it tries again. Keys of
// users begin with the name.
func startGateway(ctx context.Context, dir folder, name string, sidecar bool) (*gateway, error) {
	var g *gateway
	var err error
	for range 3 {
		if g, err = launch(dir, name, sidecar); err != nil {
			return nil, err
		}
		if err = g.awaitURL(ctx, g.url+g.Health, 20*time.Second); err == nil {
			return g, nil
		}
		err = errors.Join(err, g.stop())
		if ctx.Err() != nil {
			break
		}
	}
	return nil, fmt.Errorf("the S3 gateway did not start: %w; the last it said was %q", err, lastLine(dir.gatewayLog(name)))
}

func launch(dir folder, name string, sidecar bool) (*gateway, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	newKey := func(who string) keyPair { return keyPair{name + "-" + who, rand.Text()} }
	g := &gateway{url: "http://" + address, gatewaySettings: gatewaySettings{
		Address: address, Health: "/ready-" + rand.Text(), Folder: dir.gateway(name), AccessLog: dir.accessLog(name), Sidecar: sidecar,
		Owner: newKey("owner"), Reader: newKey("reader"), Ann: newKey("ann"), Bob: newKey("bob"),
	}}
	g.child, err = startChild(childArgument, dir.gatewayLog(name), g.gatewaySettings)
	return g, err
}

func lastLine(file string) string {
	text, _ := os.ReadFile(file) // it is only told to people
	text = bytes.TrimSpace(text)
	return string(text[bytes.LastIndexByte(text, '\n')+1:])
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("no free port on 127.0.0.1: %w", err)
	}
	return l.Addr().String(), l.Close()
}
