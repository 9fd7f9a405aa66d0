// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package app_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/arvados-s3/keepstore/internal/faultproxy"
	"github.com/arvados-s3/keepstore/internal/testenv"
	"github.com/arvados-s3/keepstore/pseudoblock"
)

// TestNoSecretsInTheDebugLog is S-01, S-02 and S-05 at the level that tells most.
func TestNoSecretsInTheDebugLog(t *testing.T) {
	name := bucket(t, servers.MinIO(t))
	r := newRig(t, fmt.Sprintf("access:\n  - {url: \"s3://%s/\", endpoint: lab, mode: iam, import: {users: [ALICE]}}\nlog: {level: debug}\nlimits: {stall: 300ms}\n", name))
	l := r.locatorOf(put(t, r.labServer, name, "x", []byte("x")), r.alice)
	signature := l[strings.Index(l, "+A"):][:30]
	for _, action := range []faultproxy.Action{
		faultproxy.Answer(403, "<Error><Code>SignatureDoesNotMatch</Code><Message>"+testenv.SecretKey[:4]+"</Message></Error>"),
		faultproxy.Answer(500, ""), faultproxy.ResetAt(0), faultproxy.StallAt(0), faultproxy.SetHeader("Content-Range", "bad\tvalue"), faultproxy.Redirect(307, r.apiHTTP.URL),
	} {
		r.lab.Set(faultproxy.Rule{Do: []faultproxy.Action{action}})
		r.get(l, r.alice)
		r.do(http.MethodHead, "/"+l, r.alice, "")
		r.imports(r.alice, `{"sources":[{"url":"s3://`+name+`/"}]}`)
	}
	r.lab.Set()
	r.get(l+"1", r.alice)
	r.get(r.alice, r.alice)
	r.get(l, "v2/zzzzz-gj3su-000000000000001/"+strings.Repeat("s", 40))
	r.write("access: []\nblob_signing: {key: [" + r.api.BlobSigningKey() + "]}\n")
	r.reload <- nil
	r.waitForLog("reload refused")
	r.apiHTTP.Close()
	r.get(r.locator(pseudoblock.Extent{Object: put(t, r.labServer, name, "y", []byte("x")), Size: 1}, pseudoblock.Derived, r.bob), r.bob)
	seen := r.log.String()
	if !strings.Contains(seen, `"cause"`) {
		t.Error("the log tells no causes: this is not the debug level")
	}
	_, secret, _ := strings.Cut(strings.TrimPrefix(r.alice, "v2/"), "/")
	for what, text := range map[string]string{"token": secret, "signature": signature, "secret key": testenv.SecretKey, "signing key": r.api.BlobSigningKey(), "key of S3": "/x?versionId"} {
		if i := strings.Index(seen, text); i >= 0 {
			t.Errorf("the %s was logged: %s", what, seen[max(0, i-300):i])
		}
	}
}
