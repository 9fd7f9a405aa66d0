// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package creds

import (
	"cmp"
	"net/netip"
	"regexp"
	"slices"
	"strings"
)

// How an endpoint gets the server's own credentials (mode iam).
const (
	// CredentialsStatic uses the keys in the configuration.
	CredentialsStatic = "static"
	// CredentialsInstance asks the instance metadata service for the role of
	// the machine, and nothing else.
	CredentialsInstance = "instance"
	// CredentialsEnvironment is the default AWS chain: environment variables,
	// shared files, web identity, container and instance roles.
	CredentialsEnvironment = "environment"
)

// Endpoint is one S3 service, known by its address in memory: what is cached
// for it (credentials, connections) ends with it. Everything that is sent goes to a host that
// follows from these settings and a checked bucket name.
type Endpoint struct {
	// Name is its key in the configuration.
	Name string
	// URL is scheme, host and port, such as "https://minio.lab:9000". Empty
	// means AWS in Region.
	URL string
	// Region goes into every signature.
	Region string
	// PathStyle puts the bucket into the path in place of the host name.
	PathStyle bool
	// CAFile is a PEM file of the certificate authorities to trust in place
	// of the system's.
	CAFile string
	// Credentials is one of the Credentials constants.
	Credentials     string
	AccessKeyID     string
	SecretAccessKey Secret
	SessionToken    Secret
	// Regions are further regions in which its buckets may be. A reply that
	// names one of them is followed there; one that names another is not.
	Regions []string
	// STSURL is where sessions are asked for. Empty means the STS of Region
	// on AWS, and URL elsewhere.
	STSURL string
	// NoWebIdentity says that its STS takes no JSON web tokens: roles are
	// assumed with the server's own credentials and an external id.
	NoWebIdentity bool
	// Audience is whom the web tokens for its STS are for: the client id under
	// which that STS knows our issuer. No two owners of STS may have the same
	// ([Endpoint.STSOwner]), or each could use at the other what it is sent.
	Audience string
	// MetadataURL replaces the address of the instance metadata service.
	MetadataURL string
}

// HasRegion reports whether configuration lets buckets of the endpoint be in
// the region.
func (e *Endpoint) HasRegion(region string) bool {
	return region != "" && (region == e.Region || slices.Contains(e.Regions, region))
}

// Address returns scheme, host (with port) and path prefix for a bucket in a
// region, which must be one of the endpoint ([Endpoint.HasRegion]). The
// bucket must have passed locator.CheckBucket. A bucket with dots is always
// addressed by path, since no TLS wildcard covers its host name, and so is
// one at an IP address, which has no subdomains. An endpoint with a URL is
// there for all regions.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html
func (e *Endpoint) Address(bucket, region string) (scheme, host, prefix string) {
	scheme, host = "https", "s3."+region+"."+awsSuffix(region)
	if e.URL != "" {
		scheme, host, _ = strings.Cut(strings.TrimSuffix(e.URL, "/"), "://")
	}
	if e.PathStyle || strings.Contains(bucket, ".") || isIP(host) {
		return scheme, host, "/" + bucket
	}
	return scheme, bucket + "." + host, ""
}

// isIP reports whether host, with or without a port, is an IP address.
func isIP(host string) bool {
	if strings.HasPrefix(host, "[") {
		return true
	}
	name, _, _ := strings.Cut(host, ":")
	_, err := netip.ParseAddr(name)
	return err == nil
}

// STSAddress returns scheme, host and port of the STS of this endpoint.
// https://docs.aws.amazon.com/general/latest/gr/sts.html
func (e *Endpoint) STSAddress() string {
	return cmp.Or(e.STSURL, e.URL, "https://sts."+e.Region+"."+awsSuffix(e.Region))
}

// partitions are those of AWS besides the main one, with what their regions
// begin with and their DNS suffix.
// https://docs.aws.amazon.com/general/latest/gr/s3.html
var partitions = []struct{ region, name, suffix string }{
	{"cn-", "aws-cn", "amazonaws.com.cn"},
	{"us-gov-", "aws-us-gov", "amazonaws.com"},
	{"eusc-", "aws-eusc", "amazonaws.eu"},
	{"us-iso-", "aws-iso", "c2s.ic.gov"},
	{"us-isob-", "aws-iso-b", "sc2s.sgov.gov"},
	{"us-isof-", "aws-iso-f", "csp.hci.ic.gov"},
	{"eu-isoe-", "aws-iso-e", "cloud.adc-e.uk"},
}

// Partition returns the AWS partition of a region, which its ARNs begin with.
func Partition(region string) string {
	for _, p := range partitions {
		if strings.HasPrefix(region, p.region) {
			return p.name
		}
	}
	return "aws"
}

// awsSTS is what comes before the domain of AWS in the names of its own STS:
// global, of a region, and of a VPC endpoint. Other names there may be
// anybody's.
// https://docs.aws.amazon.com/general/latest/gr/sts.html
var awsSTS = regexp.MustCompile(`^(sts|sts(-fips)?\.[a-z]+(-[a-z]+)+-[0-9]+|[a-z0-9-]+\.sts\.[a-z]+(-[a-z]+)+-[0-9]+\.vpce)$`)

// STSOwner names who hears what is sent to the STS of this endpoint: "AWS",
// whatever the partition and region, or else the origin of the STS.
func (e *Endpoint) STSOwner() string {
	if e.URL == "" && e.STSURL == "" {
		return "AWS"
	}
	origin := e.STSAddress()
	if scheme, host, _ := strings.Cut(origin, "://"); scheme == "http" {
		return "http://" + strings.TrimSuffix(host, ":80")
	}
	origin = strings.TrimSuffix(origin, ":443")
	if isAWSSTS(strings.TrimPrefix(origin, "https://")) {
		return "AWS"
	}
	return origin
}

func isAWSSTS(host string) bool {
	if name, ok := strings.CutSuffix(host, ".amazonaws.com"); ok && awsSTS.MatchString(name) {
		return true
	}
	for _, p := range partitions {
		if name, ok := strings.CutSuffix(host, "."+p.suffix); ok && awsSTS.MatchString(name) {
			return true
		}
	}
	return false
}

func awsSuffix(region string) string {
	for _, p := range partitions {
		if strings.HasPrefix(region, p.region) {
			return p.suffix
		}
	}
	return "amazonaws.com"
}
