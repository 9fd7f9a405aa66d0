// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// The decoder is ours because that of the YAML package quotes values, which
// may be secrets, in its errors, stops at repeated keys, and does not keep
// the lines that later checks report.

// yamlLine is how the YAML package begins its errors.
const yamlLine = `^yaml: (?:line (\d+): )?`

// parseYAML returns the root of the one document in data, or nil after
// reporting why there is none.
func parseYAML(data []byte, bad *faults) *yaml.Node {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var first, second yaml.Node
	switch err := decoder.Decode(&first); {
	case errors.Is(err, io.EOF):
		return &yaml.Node{Kind: yaml.MappingNode, Line: 1}
	case err != nil:
		bad.add(syntaxError(data, err))
		return nil
	}
	switch err := decoder.Decode(&second); {
	case errors.Is(err, io.EOF):
		return first.Content[0]
	case err != nil:
		bad.add(syntaxError(data, err))
	default:
		bad.add(place{line: second.Line}, "a second YAML document begins here: write one")
	}
	return nil
}

// syntaxError keeps the line of the YAML package's error and its text, but
// not the name of an anchor, which is a value that should have been quoted.
// That one error comes without a line.
func syntaxError(data []byte, err error) (place, string, string) {
	text := err.Error()
	found := regexp.MustCompile(yamlLine).FindStringSubmatch(text)
	line := 0
	if found != nil {
		line, _ = strconv.Atoi(found[1])
		text = text[len(found[0]):]
	}
	if name := regexp.MustCompile(`anchor '([^']*)'`).FindStringSubmatch(text); name != nil {
		before, _, _ := bytes.Cut(data, []byte("*"+name[1]))
		line, text = 1+bytes.Count(before, []byte("\n")), "a value that begins with * must be quoted"
	}
	if lines := strings.Split(string(data), "\n"); line > 0 && line <= len(lines) && strings.HasPrefix(strings.TrimLeft(lines[line-1], " "), "\t") {
		text = "there is a tab in the indentation of this line: use spaces"
	}
	return place{line: line}, "this is not YAML: %s", text + syntaxHints[text]
}

// syntaxHints tell what is mostly behind the texts of the YAML package that
// say little. The first comes with the line where the block begins.
var syntaxHints = map[string]string{
	"did not find expected key":                      ": look for a line below with another indentation than its neighbours",
	"mapping values are not allowed in this context": ": look for another indentation than above, or a colon without a space after it",
}

// decode fills the struct, slice, map or value into from node and reports
// what does not fit. A nil node stands for a missing one.
func decode(node *yaml.Node, at place, into reflect.Value, bad *faults) {
	if node != nil {
		at.line = node.Line
		if node.Kind == yaml.AliasNode {
			bad.shape(at, "YAML aliases (*name) are not supported: write the value out, or quote it")
			node = nil
		} else if node.Tag == "!!null" {
			node = nil
		}
	}
	switch into.Kind() {
	case reflect.Slice:
		decodeList(node, at, into, bad)
	case reflect.Map:
		decodeMap(node, at, into, bad)
	default:
		if v, ok := into.Addr().Interface().(*value); ok {
			decodeScalar(node, at, v, bad)
			return
		}
		decodeStruct(node, at, into, bad)
	}
}

func decodeScalar(node *yaml.Node, at place, into *value, bad *faults) {
	into.place = at
	if node == nil {
		return
	}
	if node.Kind != yaml.ScalarNode {
		bad.shape(at, "expected one value, found %s", kindName(node))
		return
	}
	switch node.Tag {
	case "!!str", "!!int", "!!float", "!!bool", "!!timestamp", "!!merge":
		into.text = node.Value
	default:
		bad.shape(at, "YAML tags are not supported: write the plain value")
	}
}

func decodeList(node *yaml.Node, at place, into reflect.Value, bad *faults) {
	if node == nil {
		return
	}
	if node.Kind != yaml.SequenceNode {
		bad.shape(at, "expected a list, found %s", kindName(node))
		return
	}
	into.Set(reflect.MakeSlice(into.Type(), len(node.Content), len(node.Content)))
	for i, item := range node.Content {
		decode(item, at.index(i), into.Index(i), bad)
	}
}

func decodeMap(node *yaml.Node, at place, into reflect.Value, bad *faults) {
	into.Set(reflect.MakeMap(into.Type()))
	each(node, at, bad, func(name, item *yaml.Node) {
		if !isPlainName(name.Value) {
			bad.add(place{at.path, name.Line}, "a name here must be of a-z, 0-9, \"-\" and \"_\", at most 40 characters")
			return
		}
		element := reflect.New(into.Type().Elem()).Elem()
		decode(item, at.key(name.Value), element, bad)
		into.SetMapIndex(reflect.ValueOf(name.Value), element)
	})
}

func decodeStruct(node *yaml.Node, at place, into reflect.Value, bad *faults) {
	into.Addr().Interface().(interface{ set(place) }).set(at)
	fields := map[string]reflect.Value{}
	var names []string
	for i := range into.NumField() {
		name := into.Type().Field(i).Tag.Get("yaml")
		if name == "" {
			continue
		}
		names = append(names, name)
		fields[name] = into.Field(i)
		decode(nil, at.key(name), into.Field(i), bad)
	}
	each(node, at, bad, func(name, item *yaml.Node) {
		field, ok := fields[name.Value]
		if !ok {
			bad.add(place{at.path, name.Line}, "%s", unknownKey(name.Value, names))
			return
		}
		decode(item, at.key(name.Value), field, bad)
	})
	applyDefaults(into)
}

func applyDefaults(into reflect.Value) {
	for i := range into.NumField() {
		text, ok := into.Type().Field(i).Tag.Lookup("default")
		if !ok {
			continue
		}
		if v := into.Field(i).Addr().Interface().(*value); !v.given() {
			v.text = text
		}
	}
}

// each calls f for each pair of a mapping whose key is text and new.
func each(node *yaml.Node, at place, bad *faults, f func(name, item *yaml.Node)) {
	if node == nil {
		return
	}
	if node.Kind != yaml.MappingNode {
		bad.shape(at, "expected keys with values, found %s", kindName(node))
		return
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		name, item := node.Content[i], node.Content[i+1]
		if name.Kind != yaml.ScalarNode {
			bad.add(place{at.path, name.Line}, "a key must be plain text")
			continue
		}
		if first, repeated := seen[name.Value]; repeated {
			bad.add(place{at.path, name.Line}, "%s is here twice; the first is on line %d", quoteName(name.Value), first)
			continue
		}
		seen[name.Value] = name.Line
		f(name, item)
	}
}

func kindName(node *yaml.Node) string {
	switch node.Kind {
	case yaml.MappingNode:
		return "keys with values"
	case yaml.SequenceNode:
		return "a list"
	}
	return "one value"
}
