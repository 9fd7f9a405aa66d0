// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// machine is what the numbers depend on.
type machine struct {
	Date   string `json:"date"`
	CPU    string `json:"cpu"`
	Cores  int    `json:"cores"`
	Memory string `json:"memory"`
	Kernel string `json:"kernel"`
	Go     string `json:"go"`
	Nginx  string `json:"nginx"`
	// Version is that of keepstore, or the commit.
	Version string `json:"keepstore"`
	// Load is the load average over a minute before the run began.
	Load float64 `json:"load_before"`
	// Took is how long the run took.
	Took string `json:"took"`
}

func describeMachine(ctx context.Context, nginx, binary string) machine {
	m := machine{
		Date: today(), Cores: runtime.NumCPU(), Go: runtime.Version(),
		CPU: field("/proc/cpuinfo", "model name"), Kernel: strings.TrimSpace(read("/proc/sys/kernel/osrelease")),
		Nginx: "none", Load: load(),
	}
	kib, _ := strconv.ParseFloat(strings.TrimSuffix(field("/proc/meminfo", "MemTotal"), " kB"), 64)
	m.Memory = fmt.Sprintf("%.0f GiB", kib/(1<<20))
	if nginx != "" {
		out, _ := exec.CommandContext(ctx, nginx, "-v").CombinedOutput() // it only names the version
		m.Nginx = strings.TrimSpace(strings.TrimPrefix(string(out), "nginx version: "))
	}
	m.Kernel, _, _ = strings.Cut(m.Kernel, "-") // the rest names who built it
	out, err := exec.CommandContext(ctx, "git", "describe", "--always", "--dirty").Output()
	if err != nil { // no version control here
		out, _ = exec.CommandContext(ctx, binary, "version").Output()
	}
	m.Version = strings.TrimSpace(strings.TrimPrefix(string(out), "keepstore "))
	return m
}

func today() string { return time.Now().UTC().Format("2006-01-02 15:04 UTC") }

func (m machine) markdown() string {
	return fmt.Sprintf("| | |\n|---|---|\n| date | %s, took %s |\n| machine | %d × %s, %s, Linux %s |\n| programs | keepstore %s, %s, %s |\n| load average before | %.2f |\n",
		m.Date, m.Took, m.Cores, m.CPU, m.Memory, m.Kernel, m.Version, m.Go, m.Nginx, m.Load)
}

func read(file string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	return string(text)
}

// field returns the first value of a name in a file of "name: value" or
// "name value" lines.
func field(file, name string) string {
	for line := range strings.Lines(read(file)) {
		key, value, ok := strings.Cut(line, ":")
		if !ok {
			key, value, _ = strings.Cut(line, " ")
		}
		if strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

// load returns the load average over one minute.
func load() float64 {
	first, _, _ := strings.Cut(read("/proc/loadavg"), " ")
	v, _ := strconv.ParseFloat(first, 64)
	return v
}

// busy is CPU time in seconds since the machine was started: of all programs,
// of the bench with the children that have ended, and what there was to have.
type busy struct{ all, ours, most float64 }

func cpuTimes() busy {
	var t busy
	fields := strings.Fields(field("/proc/stat", "cpu"))
	for i, text := range fields[:min(len(fields), 8)] { // the last two are within the others
		v, _ := strconv.ParseFloat(text, 64)
		t.most += v / ticks
		if i != 3 && i != 4 { // idle, and waiting for disks
			t.all += v / ticks
		}
	}
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var u syscall.Rusage
		if syscall.Getrusage(who, &u) == nil {
			t.ours += time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
		}
	}
	return t
}

// others returns the percentage of the machine that other programs used
// between two times.
func others(from, to busy) float64 {
	return max(0, 100*ratio((to.all-from.all)-(to.ours-from.ours), to.most-from.most))
}

// awaitQuiet waits until the machine has little else to do, at most for limit.
func awaitQuiet(ctx context.Context, limit time.Duration) {
	for end := time.Now().Add(limit); load() > 1 && time.Now().Before(end); {
		fmt.Printf("load average is %.2f: waiting until it is below 1\n", load())
		select {
		case <-ctx.Done():
			return
		case <-time.After(10 * time.Second):
		}
	}
}
