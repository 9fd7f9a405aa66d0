// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package tree

import "slices"

// Packages of others that rows name more than once.
const (
	aws     = "github.com/aws"
	awsS3   = "github.com/aws/aws-sdk-go-v2/service/s3"
	gateway = "github.com/versity/versitygw"
)

// Table returns the import table: who may import whom. It is part of the
// design, so a change of it is a change of the design and needs its reason.
func Table() []Row {
	return slices.Concat(libraries(), credentials(), servers(), clients(), rigs())
}

func noHandlers() []Ban {
	const why = "HTTP handlers stand in internal/server only"
	return []Ban{{"net/http.Handler", why}, {"net/http.HandlerFunc", why}, {"net/http.ResponseWriter", why}}
}

// libraries are the packages of the read path, lowest first.
func libraries() []Row {
	anywhere := []Ban{
		{"net/http", "it is shared by the server, the SDK and tools, and does no I/O"},
		{aws, "users of the SDK must not link AWS"},
	}
	return []Row{
		{
			Package: "locator", Why: "it is the text form that all others stand on",
			Never:     append(anywhere, Ban{"os", "a locator means the same everywhere"}),
			NeverLink: anywhere,
		},
		{
			Package: "pseudoblock", Why: "an identity must be computable anywhere", May: []string{"locator"},
			Never:     append(anywhere, Ban{"os", "it does no I/O"}, Ban{"net", "it does no I/O"}),
			NeverLink: anywhere,
		},
		{
			Package: "internal/memo", Why: "it remembers anything",
			NeverUse: noHandlers(),
		},
		{
			Package: "internal/s3http", Why: "it carries requests and knows none", May: []string{"creds"},
			Never:    []Ban{{awsS3, "we build requests ourselves: docs/decisions/0001-sign-requests-ourselves.md"}},
			NeverUse: noHandlers(),
		},
		{
			Package: "s3read", Why: "a reader knows no users, tokens or handlers", May: []string{"locator", "pseudoblock", "creds", "internal/s3http"},
			Never:    []Ban{{awsS3, "we build the three requests ourselves: docs/decisions/0001-sign-requests-ourselves.md"}},
			NeverUse: noHandlers(),
		},
		{
			Package: "pseudoblock/resolver", Why: "any Go server can embed it", May: []string{"locator", "pseudoblock", "creds", "s3read"},
			Never:    []Ban{{awsS3, "all S3 vocabulary stops at s3read"}},
			NeverUse: noHandlers(),
		},
	}
}

// credentials are the packages that decide about access, and get keys for it.
func credentials() []Row {
	return []Row{
		{
			Package: "creds", Why: "access is decided without touching an object", May: []string{"locator"},
			Never:    []Ban{{awsS3, "access is decided without touching an object"}},
			NeverUse: noHandlers(),
		},
		{
			Package: "creds/sts", Why: "it speaks with an STS and decides nothing", May: []string{"creds", "internal/s3http"},
			Never:    []Ban{{awsS3, "an STS gives sessions, and touches no object"}},
			NeverUse: noHandlers(),
		},
		{
			Package: "creds/role", Why: "it decides about sessions and sends nothing itself", May: []string{"creds", "creds/sts", "internal/memo"},
			Never:    []Ban{{"net/http", "creds/sts speaks with the STS"}, {awsS3, "sessions are decided without touching an object"}},
			NeverUse: noHandlers(),
		},
		{
			Package: "creds/issuer", Why: "it names users, and sends nothing to anyone", May: []string{"creds"},
			Never:    []Ban{{"net/http", "its documents are served by internal/server"}, {aws, "it is the same for every STS"}},
			NeverUse: noHandlers(),
		},
		{
			Package: "creds/records", Why: "records are chosen without asking over HTTP or touching an object", May: []string{"creds", "internal/memo"},
			Never:    []Ban{{awsS3, "access is decided without touching an object"}, {"net/http", "the API server is asked through an interface"}},
			NeverUse: noHandlers(),
		},
	}
}

// servers are the packages of the programs.
func servers() []Row {
	testLibraries := []Ban{
		{"testing", "test code does not belong in the server"},
		{"github.com/google/go-cmp", "it is for tests"},
		{"go.uber.org/goleak", "it is for tests"},
		{"pgregory.net/rapid", "it is for tests"},
		{"github.com/rogpeppe/go-internal", "it is for tests"},
		{awsS3, "it is for tests: docs/decisions/0001-sign-requests-ourselves.md"},
		{gateway, "the server does not carry the demo's S3 gateway and its 44 modules"},
	}
	noAWS := []Ban{{aws, "all S3 vocabulary stops at s3read"}}
	return []Row{
		{Package: "internal/arvados", Why: "it is a client of the API server and knows no S3", May: []string{"creds", "creds/records", "internal/memo"}, Never: noAWS},
		{Package: "internal/config", Why: "configuration is checked before anything opens", May: []string{"creds", "locator"}},
		{Package: "internal/volume", Why: "ordinary blocks know no pseudo-blocks", May: []string{"locator"}, Never: noAWS, NeverUse: noHandlers()},
		{
			Package: "internal/volume/directory", Why: "a directory knows no S3", May: []string{"locator", "internal/volume"},
			Never: append(noAWS, Ban{"net", "it does disk I/O only"}), NeverUse: noHandlers(),
		},
		{
			Package: "internal/volume/s3volume", Why: "ordinary blocks know no pseudo-blocks and no users",
			May:      []string{"locator", "creds", "internal/volume", "internal/s3http"},
			Never:    []Ban{{awsS3, "we build requests ourselves: docs/decisions/0001-sign-requests-ourselves.md"}},
			NeverUse: noHandlers(),
		},
		{Package: "internal/keep", Why: "ordinary blocks know no pseudo-blocks", May: []string{"locator", "internal/volume"}, Never: append(noAWS, Ban{"net/http", "storing is the same behind any protocol"})},
		{Package: "internal/peer", Why: "it is a client of other Keep servers", May: []string{"locator", "creds"}, Never: noAWS, NeverUse: noHandlers()},
		{
			Package: "internal/importer", Why: "importing is the same behind HTTP, a command or a test", Never: noAWS,
			May:      []string{"locator", "pseudoblock", "creds", "s3read", "sdk/go/collection/manifest", "sdk/go/collection/source"},
			NeverUse: noHandlers(),
		},
		{
			Package: "internal/server", Why: "it holds HTTP routes; it gets everything else passed in", Never: noAWS,
			May: []string{
				"locator", "pseudoblock", "creds", "s3read", "pseudoblock/resolver", "sdk/go/collection/manifest",
				"internal/arvados", "internal/config", "internal/importer", "internal/keep", "internal/volume",
			},
		},
		{
			Package: "internal/apiserver", Why: "the embedded API server knows no S3 and no keepstore", Never: noAWS,
			May: []string{"locator", "pseudoblock", "sdk/go/collection", "sdk/go/collection/manifest"},
		},
		{
			Package: "internal/cli", Why: "commands for people are users of the SDK", Never: noAWS,
			May: []string{"locator", "sdk/go/api", "sdk/go/collection", "sdk/go/collection/manifest", "sdk/go/keep", "internal/running"}, NeverUse: noHandlers(),
		},
		{
			Package: "internal/running", Why: "a server and the commands that look for it share one file, and nothing else", Never: append(noAWS, Ban{"net", "it does disk I/O only"}),
		},
		{Package: "internal/app", May: []string{"*"}},
		{Package: "cmd/keepstore", May: []string{"*"}, NeverLink: testLibraries},
		{Package: "demo/...", May: []string{"*"}},
	}
}

// clients are what users of the SDK link.
func clients() []Row {
	noAWS := []Ban{{aws, "users of the SDK must not link AWS"}}
	return []Row{
		{
			Package: "sdk/go/api", Why: "it talks HTTP to the API server and works without our code", Never: noAWS, NeverLink: noAWS,
		},
		{
			Package: "sdk/go/keep", Why: "it talks HTTP to Keep services and works without their code",
			May: []string{"locator", "pseudoblock", "sdk/go/api"}, Never: noAWS, NeverLink: noAWS, NeverUse: noHandlers(),
		},
		{
			Package: "sdk/go/collection", Why: "it talks HTTP to the servers and works without their code",
			May: []string{"locator", "pseudoblock", "sdk/go/api", "sdk/go/collection/manifest", "sdk/go/collection/source", "sdk/go/keep"}, Never: noAWS, NeverLink: noAWS,
		},
		{
			Package: "sdk/go/collection/source", Why: "where files go is the same for servers and clients", May: []string{"locator"},
			Never: append(noAWS, Ban{"net/http", "it sends nothing"}), NeverLink: noAWS,
		},
		{
			Package: "sdk/go/collection/manifest", Why: "manifests are text", May: []string{"locator"},
			Never: append(noAWS, Ban{"net/http", "manifests are text"}), NeverLink: noAWS,
		},
	}
}

// rigs are support for tests and measurements; no program links them.
func rigs() []Row {
	return []Row{
		{Package: "internal/tree", Why: "the rules must not depend on what they judge", Rig: true},
		{Package: "internal/tools/...", Why: "tools of the build stand alone", Rig: true},
		{Package: "internal/faultproxy", Why: "a double must not share the bug", Rig: true},
		{Package: "internal/testenv", May: []string{"*"}, Rig: true},
		{Package: "s3read/s3readtest", May: []string{"s3read", "locator", "pseudoblock", "creds"}, Why: "it must be usable against any endpoint", Rig: true},
		{Package: "internal/volume/volumetest", May: []string{"internal/volume", "locator"}, Why: "it must be usable on any driver", Rig: true},
		{Package: "test/...", May: []string{"*"}, Rig: true},
		{Package: "bench/...", May: []string{"*"}, Rig: true},
	}
}
