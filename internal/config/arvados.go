// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"time"

	"github.com/arvados-s3/keepstore/creds"
	"go.yaml.in/yaml/v3"
)

// arvados is what may come from Arvados' own configuration file.
// https://doc.arvados.org/admin/config.html
type arvados struct {
	// unreadable says that the file is named and told nothing. What is missing
	// because of that is no further fault.
	unreadable      bool
	clusterID       string
	apiURL          string
	apiCAFile       string
	signingKey      creds.Secret
	signingTTL      time.Duration
	signingOff      bool
	systemRootToken creds.Secret
	managementToken creds.Secret
	trashOff        bool
	trashLifetime   time.Duration
}

// arvados reads the file. It is not ours, so unknown keys in it are fine. Its
// faults stand at our key arvados_config and say which setting they mean.
func (b *builder) arvados(f *file) arvados {
	if !f.ArvadosConfig.given() {
		return b.provided.arvados()
	}
	data, ok := b.contents(f.ArvadosConfig)
	if !ok {
		return arvados{unreadable: true}
	}
	var inner faults
	root := parseYAML(data, &inner)
	for _, fault := range inner.list {
		b.bad.add(f.ArvadosConfig.place, "line %d of that file: %s", fault.Line, fault.Text)
	}
	if root == nil {
		return arvados{unreadable: true}
	}
	return b.cluster(f, root)
}

func (b *builder) cluster(f *file, root *yaml.Node) arvados {
	clusters := find(root, "Clusters")
	id := f.ClusterID.text
	if id == "" {
		names := keys(clusters)
		if len(names) != 1 {
			b.bad.add(f.ArvadosConfig.place, "that file has %d clusters: say with cluster_id which one is meant", len(names))
			return arvados{unreadable: true}
		}
		id = names[0]
	}
	cluster := find(clusters, id)
	if cluster == nil || !isClusterID(id) {
		b.bad.add(f.ArvadosConfig.place, "that file has no cluster of this id")
		return arvados{unreadable: true}
	}
	return arvados{
		clusterID:       id,
		apiURL:          b.origin(f.ArvadosConfig.foreign(cluster, "Services", "Controller", "ExternalURL"), "https", "http"),
		signingKey:      creds.NewSecret(scalar(cluster, "Collections", "BlobSigningKey")),
		signingTTL:      b.foreignTTL(f.ArvadosConfig.foreign(cluster, "Collections", "BlobSigningTTL")),
		signingOff:      scalar(cluster, "Collections", "BlobSigning") == "false",
		systemRootToken: creds.NewSecret(scalar(cluster, "SystemRootToken")),
		managementToken: creds.NewSecret(scalar(cluster, "ManagementToken")),
		trashOff:        scalar(cluster, "Collections", "BlobTrash") == "false",
		trashLifetime:   b.foreignTTL(f.ArvadosConfig.foreign(cluster, "Collections", "BlobTrashLifetime")),
	}
}

func (b *builder) foreignTTL(v value) time.Duration {
	if !v.given() {
		return 0
	}
	return b.duration(v)
}

// foreign returns a setting of Arvados' file, as if it stood at v.
func (v value) foreign(cluster *yaml.Node, path ...string) value {
	at := v.place
	for _, name := range path {
		at = at.key(name)
	}
	return value{at, scalar(cluster, path...)}
}

// scalar returns the text at path, or "".
func scalar(node *yaml.Node, path ...string) string {
	node = find(node, path...)
	if node == nil || node.Kind != yaml.ScalarNode || node.Tag == "!!null" {
		return ""
	}
	return node.Value
}

// find walks down mappings by key, through aliases, and returns nil where
// there is nothing.
func find(node *yaml.Node, path ...string) *yaml.Node {
	node = resolve(node)
	if len(path) == 0 || node == nil {
		return node
	}
	if node.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value == path[0] {
			return find(node.Content[i+1], path[1:]...)
		}
	}
	return nil
}

func resolve(node *yaml.Node) *yaml.Node {
	if node != nil && node.Kind == yaml.AliasNode {
		return node.Alias
	}
	return node
}

func keys(node *yaml.Node) []string {
	if node = resolve(node); node == nil || node.Kind != yaml.MappingNode {
		return nil
	}
	var names []string
	for i := 0; i+1 < len(node.Content); i += 2 {
		names = append(names, node.Content[i].Value)
	}
	return names
}
