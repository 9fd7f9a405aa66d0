// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

// Package sts asks a security token service for sessions of roles.
//
// It goes only where the endpoint says, takes nothing from the environment,
// follows no redirects and reads short replies only. Its errors hold nothing
// of what a service answers but a code that is known beforehand: a reply may
// echo the token that was sent.
package sts
