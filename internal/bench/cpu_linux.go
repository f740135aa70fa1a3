package bench

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// cpuOf returns the time that this process, and the children of another one, have computed so far.
func cpuOf(parent int) (own, others time.Duration) {
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) == nil {
		own = time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
	}
	files, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range files {
		if p, err := readStat(file); err == nil && p.parent == parent {
			others += p.cpu
		}
	}
	return own, others
}

type process struct {
	parent int
	cpu    time.Duration
}

// tick is what the kernel counts computing time in.
const tick = 10 * time.Millisecond

func readStat(file string) (process, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return process{}, err
	}
	// The name, in parentheses, may hold anything.
	fields := bytes.Fields(content[bytes.LastIndexByte(content, ')')+1:])
	if len(fields) < 14 {
		return process{}, fmt.Errorf("%s is too short", file)
	}
	var numbers [3]int
	for i, at := range []int{1, 11, 12} {
		if numbers[i], err = strconv.Atoi(string(fields[at])); err != nil {
			return process{}, err
		}
	}
	return process{parent: numbers[0], cpu: time.Duration(numbers[1]+numbers[2]) * tick}, nil
}

// parentOf returns the parent of a process of this machine; 0 if it is not one.
func parentOf(pid int) int {
	p, err := readStat(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	return p.parent
}
