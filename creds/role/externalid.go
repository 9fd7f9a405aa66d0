// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package role

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
)

// ExternalIDLabel derives the key of external ids from the blob signing key of
// the cluster, with locator.Signer.Derive.
const ExternalIDLabel = "keepstore: external ids of roles, 1"

// NewExternalIDs returns the function that makes external ids: 64 hex digits
// that follow from the cluster and a user UUID, or [ServerName]. Nobody
// without the key can make the id of another user, and it never comes from a
// record: docs/decisions/0006-external-ids-and-assumed-roles.md.
func NewExternalIDs(key []byte, clusterID string) func(name string) string {
	return func(name string) string {
		m := hmac.New(sha256.New, key)
		for _, part := range []string{clusterID, name} {
			m.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
			m.Write([]byte(part))
		}
		return hex.EncodeToString(m.Sum(nil))
	}
}
