// Package nodetest lets tests run JavaScript that other people made against our servers: it fetches packages once
// for all runs to come, and runs scripts with them.
//
// It is for tests only and knows nothing about what the packages do. Tests are skipped, saying why, where Node and
// npm are absent or the packages cannot be had. Start reading at Modules; Report tells what a script found out.
package nodetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Bounds on what a test waits for.
const (
	fetchTime = 3 * time.Minute
	runTime   = 2 * time.Minute
)

// Modules returns a node_modules folder with packages in it, each given with its version, as in graphql@16.11.0. It
// is kept in the user's cache, one for each set of packages, and must not be changed. Scripts that come with
// packages are not run.
func Modules(t testing.TB, packages ...string) string {
	t.Helper()
	if testing.Short() {
		t.Skip("starts Node")
	}
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not installed: %v", program, err)
		}
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Skipf("there is no folder to keep %s in: %v", packages[0], err)
	}
	root := filepath.Join(cache, "crosswalk-test")
	installed := filepath.Join(root, folderName(packages))
	modules := filepath.Join(installed, "node_modules")
	if _, err := os.Stat(modules); err == nil {
		return modules
	}
	if err := os.MkdirAll(root, 0o755); err != nil {
		t.Skipf("there is no folder to keep %s in: %v", packages[0], err)
	}
	// Runs that install at the same time do so apart; the first one to finish puts its folder in place.
	apart, err := os.MkdirTemp(root, "installing-")
	if err != nil {
		t.Skipf("there is no folder to install %s in: %v", packages[0], err)
	}
	defer func() { _ = os.RemoveAll(apart) }() // it has moved, or is nobody's
	install(t, apart, packages)
	if err := os.Rename(apart, installed); err != nil {
		if _, missing := os.Stat(modules); missing != nil {
			t.Skipf("%s cannot be kept: %v", packages[0], err)
		}
	}
	return modules
}

// folderName tells sets of packages apart.
func folderName(packages []string) string {
	sum := sha256.Sum256([]byte(strings.Join(packages, " ")))
	return strings.ReplaceAll(strings.TrimPrefix(packages[0], "@"), "/", "-") + "-" + hex.EncodeToString(sum[:6])
}

func install(t testing.TB, folder string, packages []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), fetchTime)
	defer cancel()
	arguments := append([]string{"install", "--no-audit", "--no-fund", "--ignore-scripts", "--no-package-lock",
		"--fetch-retries=1", "--fetch-retry-mintimeout=1000", "--prefix", folder}, packages...)
	if output, err := exec.CommandContext(ctx, "npm", arguments...).CombinedOutput(); err != nil {
		t.Skipf("%s cannot be fetched: %v\n%s", packages[0], err, output)
	}
}

// Run runs Node with arguments, the first of which is a script, and returns what it printed. The script finds the
// packages of Modules with require. Variables, as in NAME=value, are added to the environment. The test fails where
// the script does.
func Run(t testing.TB, modules string, variables []string, arguments ...string) []byte {
	t.Helper()
	return RunIn(t, ".", modules, variables, arguments...)
}

// RunIn is Run in a folder, which scripts may write to.
func RunIn(t testing.TB, folder, modules string, variables []string, arguments ...string) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), runTime)
	defer cancel()
	command := exec.CommandContext(ctx, "node", arguments...)
	command.Dir = folder
	// Servers of the test are on this machine, which no proxy may be asked for.
	command.Env = append(append(os.Environ(), "NODE_PATH="+modules, "NO_PROXY=127.0.0.1,localhost", "no_proxy=127.0.0.1,localhost"), variables...)
	var complaints bytes.Buffer
	command.Stderr = &complaints
	output, err := command.Output()
	if err != nil {
		t.Fatalf("node %s: %v\n%s%s", strings.Join(arguments, " "), err, output, &complaints)
	}
	return output
}

// Check is one thing a script looked at.
type Check struct {
	Name string
	// Problem is what is wrong; nil if all is well.
	Problem *string
}

// Report makes a subtest of every check in a script's output, which has one in JSON on each line. The test fails
// where there is none, because the script then has not looked at anything.
func Report(t *testing.T, output []byte) {
	t.Helper()
	checks := 0
	for line := range bytes.Lines(output) {
		var check Check
		if err := json.Unmarshal(line, &check); err != nil {
			t.Fatalf("node printed %q: %v", line, err)
		}
		checks++
		t.Run(check.Name, func(t *testing.T) {
			if check.Problem != nil {
				t.Error(*check.Problem)
			}
		})
	}
	if checks == 0 {
		t.Error("node ran no checks")
	}
}
