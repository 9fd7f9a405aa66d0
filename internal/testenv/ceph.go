// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package testenv

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// WithCephRGW reports whether tests are to run on Ceph's gateway. "make test"
// decides it, because only Debian's packages have that server.
func WithCephRGW() bool { return os.Getenv("KEEPSTORE_TEST_RGW") == "1" }

// CephRGW returns a Ceph object gateway on a cluster of one monitor and one
// storage daemon, which keeps everything in memory.
func (p *Pool) CephRGW(t testing.TB) *Server {
	t.Helper()
	return p.get(t, "ceph-rgw", func(t testing.TB, dir string) *Server { return startCeph(t, dir, "") })
}

// startCeph starts a cluster with more settings, a line each.
func startCeph(t testing.TB, dir, settings string) *Server {
	t.Helper()
	c := newCeph(t, dir, settings)
	s := &Server{Name: "ceph-rgw", URL: "http://" + c.gateway, accounts: cephAccounts{c}}
	up := false
	defer func() {
		if !up { // t.Fatal was called
			s.stop()
		}
	}()
	add := func(p *process) *process {
		s.processes = append([]*process{p}, s.processes...)
		return p
	}
	c.command("ceph-mon", "--mkfs", "-i", "a", "--monmap", c.monitorMap())
	add(c.start("ceph-mon", "-f", "-i", "a"))
	id := uuid(t)
	c.command("ceph", "osd", "new", id, "0")
	c.command("ceph-osd", "--mkfs", "-i", "0", "--osd-uuid", id)
	add(c.start("ceph-osd", "-f", "-i", "0"))
	c.command("radosgw-admin", "user", "create", "--uid=owner", "--display-name=owner",
		"--access-key="+AccessKey, "--secret-key="+SecretKey, "--caps=oidc-provider=*;roles=*")
	gateway := add(c.start("radosgw", "-f", "-n", "client.admin"))
	if up = gateway.await(s.URL, 30*time.Second); !up {
		t.Fatalf("radosgw did not become ready; it printed:\n%s", gateway.output)
	}
	return s
}

// ceph is a cluster in the making.
type ceph struct {
	t                         testing.TB
	dir, id, gateway, monitor string
}

func newCeph(t testing.TB, dir, settings string) *ceph {
	t.Helper()
	c := &ceph{t: t, dir: dir, id: uuid(t), gateway: freeAddress(t), monitor: freeAddress(t)}
	for _, sub := range []string{"mon", "osd"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	key, keyring := cephKey(t), ""
	for _, who := range []string{"mon.", "osd.0", "client.admin"} {
		keyring += fmt.Sprintf("[%s]\nkey = %s\ncaps mon = \"allow *\"\ncaps osd = \"allow *\"\n", who, key)
	}
	c.write("keyring", keyring)
	c.write("ceph.conf", fmt.Sprintf(cephConfig, c.id, c.monitor, dir, c.gateway)+settings)
	return c
}

// cephConfig is for a cluster that is small and up quickly: its monitor does
// not wait for more changes before it makes one known.
const cephConfig = `[global]
fsid = %[1]s
mon host = v2:%[2]s
mon initial members = a
public addr = 127.0.0.1
cluster addr = 127.0.0.1
keyring = %[3]s/keyring
mon data = %[3]s/mon
osd data = %[3]s/osd
run dir = %[3]s
admin socket =
log file =
log to stderr = true
paxos propose interval = 0.01
paxos min wait = 0.01
mon allow pool size one = true
osd objectstore = memstore
memstore device bytes = 2147483648
osd crush chooseleaf type = 0
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off
rgw frontends = beast endpoint=%[4]s tcp_nodelay=1
`

// monitorMap makes the file that tells the monitor its address.
func (c *ceph) monitorMap() string {
	file := filepath.Join(c.dir, "monmap")
	c.command("monmaptool", "--create", "--fsid", c.id, "--addv", "a", "[v2:"+c.monitor+"]", file)
	return file
}

func (c *ceph) write(name, text string) {
	c.t.Helper()
	if err := os.WriteFile(filepath.Join(c.dir, name), []byte(text), 0o600); err != nil {
		c.t.Fatal(err)
	}
}

func (c *ceph) env() []string { return []string{"CEPH_CONF=" + filepath.Join(c.dir, "ceph.conf")} }

// start starts a daemon.
func (c *ceph) start(name string, args ...string) *process {
	c.t.Helper()
	return start(c.t, c.dir, c.env(), c.installed(name), args...)
}

// command runs a program to its end.
func (c *ceph) command(name string, args ...string) {
	c.t.Helper()
	command(c.t, c.dir, c.env(), c.installed(name), args...)
}

// installed returns the path of a program of Ceph.
func (c *ceph) installed(name string) string {
	c.t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		c.t.Fatalf("KEEPSTORE_TEST_RGW is set, but the program %s is not installed: run \".ci/rgw.sh\", or unset it", name)
	}
	return path
}

// cephKey makes a key in Ceph's format: type AES, a time, a length, 16 bytes.
func cephKey(t testing.TB) string {
	t.Helper()
	var b bytes.Buffer
	secret := make([]byte, 16)
	_, _ = rand.Read(secret) // never fails
	for _, field := range []any{uint16(1), uint32(0), uint32(0), uint16(len(secret)), secret} {
		if err := binary.Write(&b, binary.LittleEndian, field); err != nil {
			t.Fatal(err)
		}
	}
	return base64.StdEncoding.EncodeToString(b.Bytes())
}

// uuid makes a random identifier.
func uuid(t testing.TB) string {
	t.Helper()
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
