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

// cpuOf returns the time that this process, and the children of another one, those that have ended among them, have computed so far.
func cpuOf(parent int) (own, others time.Duration) {
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) == nil {
		own = time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
	}
	if p, err := readStat(statOf(parent)); err == nil {
		others = p.ended
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
	// cpu is its own computing time, ended that of its children which have ended.
	cpu, ended time.Duration
}

// statOf names the file that describes a process.
func statOf(pid int) string { return fmt.Sprintf("/proc/%d/stat", pid) }

// tick is what the kernel counts computing time in.
const tick = 10 * time.Millisecond

func readStat(file string) (process, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return process{}, err
	}
	// The name, in parentheses, may hold anything.
	fields := bytes.Fields(content[bytes.LastIndexByte(content, ')')+1:])
	if len(fields) < 15 {
		return process{}, fmt.Errorf("%s is too short", file)
	}
	var numbers [5]int
	for i, at := range []int{1, 11, 12, 13, 14} {
		if numbers[i], err = strconv.Atoi(string(fields[at])); err != nil {
			return process{}, err
		}
	}
	return process{
		parent: numbers[0], cpu: time.Duration(numbers[1]+numbers[2]) * tick, ended: time.Duration(numbers[3]+numbers[4]) * tick,
	}, nil
}

// parentOf returns the parent of a process of this machine; 0 if it is not one.
func parentOf(pid int) int {
	p, err := readStat(statOf(pid))
	if err != nil {
		return 0
	}
	return p.parent
}
