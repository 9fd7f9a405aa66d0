// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"path/filepath"
	"reflect"
)

// Load reads and checks a configuration file. What is wrong with it comes as
// one [*Error] with all faults.
func Load(path string) (*Config, error) { return LoadWith(path, Provided{}) }

// LoadWith is Load for a program that provides some settings itself.
func LoadWith(path string, provided Provided) (*Config, error) {
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
	b := &builder{dir: dir, read: readFile, provided: provided}
	return b.load(path, data)
}

// load is Load with the contents at hand and a way to read other files.
func load(name, dir string, data []byte, read func(string) ([]byte, error)) (*Config, error) {
	b := &builder{dir: dir, read: read}
	return b.load(name, data)
}

func (b *builder) load(name string, data []byte) (*Config, error) {
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
