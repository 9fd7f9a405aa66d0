// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

// Package config reads keepstore's one configuration file.
//
// The file is strict YAML: unknown and repeated keys are faults, values have
// the type and form that docs/config.md gives, and features that this version
// does not have are refused, not ignored. All faults are reported together,
// each with its line. No fault and no printed [Config] shows a secret, and
// nothing is read from the environment.
//
// [Load] works in three steps: decode.go turns YAML into the structs of
// file.go and knows only keys and lines; build.go and its neighbours turn
// those into a [Config] and know what values mean; arvados.go adds what may
// come from Arvados' own configuration file.
package config
