// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"path/filepath"
	"reflect"
)

// Load reads and checks a configuration file. What is wrong with it comes as
// one [*Error] with all faults.
func Load(path string) (*Config, error) {
	var bad faults
	data, err := readFile(path)
	if err != nil {
		bad.add(place{}, "%s", err.Error())
		return nil, bad.err(path)
	}
	dir, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		bad.add(place{}, "the folder of the file cannot be found")
		return nil, bad.err(path)
	}
	return load(path, dir, data, readFile)
}

// load is Load with the contents at hand and a way to read other files.
func load(name, dir string, data []byte, read func(string) ([]byte, error)) (*Config, error) {
	b := &builder{dir: dir, read: read}
	root := parseYAML(data, &b.bad)
	if root == nil {
		return nil, b.bad.err(name)
	}
	var f file
	decode(root, place{line: 1}, reflect.ValueOf(&f).Elem(), &b.bad)
	c := b.build(&f)
	if err := b.bad.err(name); err != nil {
		return nil, err
	}
	return c, nil
}
