// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/arvados-s3/keepstore/internal/testenv"
)

// secret finds what must not be shown: tokens, signatures, web tokens.
var secret = regexp.MustCompile(`v2/zzzzz-gj3su-|\+A[0-9a-f]{40}@|X-Amz-Signature|eyJ[A-Za-z0-9_-]+\.eyJ`)

// How many checks the tour has. README.md tells them too.
const (
	checksWithKeys  = 48
	checksWithRoles = 57
)

func TestREADME(t *testing.T) {
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{checksWithKeys, checksWithRoles} {
		if !strings.Contains(string(text), fmt.Sprintf(" %d checks", n)) {
			t.Errorf("README.md does not tell of %d checks", n)
		}
	}
}

func TestOnce(t *testing.T) {
	minio := testenv.Bin(t, "minio")
	slow := start(t, "--once", "--slow") // mostly it waits
	for name, c := range map[string]struct {
		args   []string
		checks int
	}{
		"attributes": {[]string{"--once"}, checksWithKeys},
		"sidecar":    {[]string{"--once", "--sidecar"}, checksWithKeys},
		"roles":      {[]string{"--once", "--minio", minio}, checksWithRoles},
	} {
		t.Run(name, func(t *testing.T) {
			p := start(t, c.args...)
			if status := p.status(t); status != 0 {
				t.Fatalf("exit status %d:\n%s", status, p.output)
			}
			checkTour(t, p.output.String(), c.checks)
			p.wantGone(t)
			p.wantNothingLeft(t)
		})
	}
	if status := slow.status(t); status != 0 || !strings.Contains(slow.output.String(), "OK the keys no longer work, though they were in use") {
		t.Errorf("--slow: exit status %d:\n%s", status, slow.output)
	}
}

func checkTour(t *testing.T, output string, checks int) {
	t.Helper()
	wants := []string{
		fmt.Sprintf("\nAll %d checks passed in ", checks),
		"OK the key of keepstore itself, which reads s3://demo-data, is refused by S3 for s3://lab-data",
		"OK Bob reads the 3 files of s3://lab-data",
		"< 403 s3-denied: S3 does not let your credential record zzzzz-oss07-",
		"OK Bob gets 403 s3-denied for each of the 3 of s3://partner-data",
		"< S3's own logs: demo-bob came 3 times to s3://lab-data, and partner-bob came 3 times to",
		"OK one request for each file, all of them as Bob, and none as anybody else",
		"OK the link opens the collection, and gets scope-needed for each of its 6 files",
		"OK every file is pinned to the version that S3 gave when it was written (314 of 314)",
		"ffffffffffffffffffffffffffffffff+123+BczM6Ly9kZW1vLWRhdGEvc3R1ZHkvc2FtcGxlLTAxL3JlYWRzLTEudHh0P3ZlcnNpb25JZD",
		"listed 316 = files 314 + skipped 2",
		"OK all 314 files have the SHA-256 of what was uploaded",
		"OK S3 got 313 requests: one GET for each block, and nothing else",
		"OK the pinned block still reads the first bytes",
		"OK a new import of the key fails and says that it was deleted",
		"< 400 bad-signature:",
		"OK S3 was not asked",
		"OK the second import has the portable data hash of the first",
		"OK the collection has the 313 files that are left in S3",
		"OK just these three are named, and the exit status is 3",
		"OK its old portable data hash still reads the old ones",
		"OK the collection that was refreshed needs this version, and no other",
	}
	if checks == checksWithRoles {
		wants = append(wants, "OK Bob reads the 3 files of s3://lab-vault", "OK Bob gets 403 s3-denied for each of the 3 of s3://partner-vault")
	} else {
		wants = append(wants, "run make demo-role, or give --minio PROGRAM")
	}
	for _, want := range wants {
		if !strings.Contains(output, want) {
			t.Errorf("the tour does not say %q", want)
		}
	}
	if strings.Contains(output, "\x1b") {
		t.Error("the tour has colour outside of a terminal")
	}
	if found := secret.FindString(output); found != "" {
		t.Errorf("the tour shows a secret that begins with %.14q", found)
	}
	if strings.Contains(output, `"level":`) {
		t.Error("the tour is mixed with log lines")
	}
	if t.Failed() {
		t.Logf("it says:\n%s", output)
	}
}

// TestStay runs the commands as they are printed, ends the demo as Ctrl-C
// does, and comes back to the folder that was kept.
func TestStay(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Fatal("this test runs the printed commands and needs curl: apt-get install curl")
	}
	dir := filepath.Join(t.TempDir(), "kept")
	p := start(t, "--data", dir, "--minio", testenv.Bin(t, "minio"))
	p.await(t, "Press Ctrl-C")
	for _, c := range printedCommands(t, p.output.String()) {
		for _, want := range c.wants {
			if !strings.Contains(c.output, want) {
				t.Errorf("%s\nprinted %.600q, which does not have %q", c.line, c.output, want)
			}
		}
	}
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if status := p.status(t); status != 0 {
		t.Fatalf("exit status %d after Ctrl-C:\n%s", status, p.output)
	}
	p.wantGone(t)
	for _, log := range []string{"keepstore.log", "s3-gateway.log", "s3-access.log", "s3-gateway-partner.log", "s3-access-partner.log"} {
		text, err := os.ReadFile(filepath.Join(dir, log))
		if err != nil || len(text) == 0 || secret.Match(text) {
			t.Errorf("%s has %d bytes (%v), or a secret: %.14q", log, len(text), err, secret.Find(text))
		}
	}
	again := start(t, "--once", "--data", dir)
	if status := again.status(t); status != 0 {
		t.Fatalf("exit status %d in a folder of an earlier run:\n%s", status, again.output)
	}
}

// ranCommand is a printed command and what running it printed.
type ranCommand struct {
	line, output string
	wants        []string
}

// printedCommands runs the commands of the demo's output, as one would who
// pastes them all, and says what the output of each must have.
func printedCommands(t *testing.T, text string) []ranCommand {
	t.Helper()
	_, text, _ = strings.Cut(text, "Paste this")
	lines := regexp.MustCompile(`(?m)^  ((?:export|curl|D=|ARVADOS_API_TOKEN=\$(?:BOB|TOKEN)) ?.*)$`).FindAllStringSubmatch(text, -1)
	wants := [][]string{
		nil, // export
		{`"url":"s3://demo-data/","mode":"iam","may_import":true`},
		{`"study/odd/"`, `"name":"large.bin"`},
		{`"path":"reads-1.txt"`, `"type":"done","listed":10,"files":10`},
		{"./sample-30 ffffffffffffffffffffffffffffffff+"},
		{"study/sample-01/reads-1.txt, line 3 of 3"},
		{"first measurement, line 20 of 20"},
		{"0000020\n"},
		{"sample-01/reads-1.txt", "s3://demo-data/study/sample-01/reads-1.txt?versionId="},
		{"100%.txt\n", "naïve-日本語-🙂.txt\n"},
		{"10 object versions", "study-"},
		{"HTTP/1.1 400 Bad Request", "bad-signature:"},
		{"run-7/sample-1.txt, line 1 of 4"},
		{"s3-denied:", "s3:GetObjectVersion"},
		{"ok  session", "no  s3 ", "it cannot be read now: s3-denied", "exit status 1"},
		{"s3://lab-data", "s3://partner-data", "partner-bob"},
		{"run-7/sample-1.txt, line 1 of 4"},
		{"s3-denied:", "s3:GetObjectVersion"},
		{"ok  session", "no  s3 ", "it cannot be read now: s3-denied", "exit status 1"},
		{`"jwks_uri"`},
	}
	if len(lines) != len(wants) {
		t.Fatalf("there are %d commands, and this test knows %d:\n%s", len(lines), len(wants), text)
	}
	ran := make([]ranCommand, len(lines))
	for i, line := range lines {
		command := exec.Command("sh", "-ec", lines[0][1]+"\n"+line[1])
		command.Dir = ".." // the folder of the repository
		output, err := command.CombinedOutput()
		if err != nil && !strings.Contains(line[1], " access test ") {
			t.Errorf("%s: %v", line[1], err)
		}
		ran[i] = ranCommand{line[1], string(output), wants[i]}
	}
	return ran
}

// TestKilled ends the demo in the way it cannot notice.
func TestKilled(t *testing.T) {
	p := start(t, "--minio", testenv.Bin(t, "minio"))
	p.await(t, "with an STS")
	_, addresses := p.servers(t)
	for _, address := range addresses {
		connection, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatalf("the S3 servers should listen while the demo lives: %v", err)
		}
		connection.Close()
	}
	if err := p.cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-p.ended
	for _, address := range addresses {
		awaitSilence(t, address)
	}
}

// TestUnread ends the reading of the output, as "demo | head" does.
func TestUnread(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	defer w.Close()
	p := startTo(t, w, "--once")
	if status := p.status(t); status != 0 {
		t.Errorf("exit status %d:\n%s", status, p.output)
	}
	p.wantNothingLeft(t)
}
