//go:build !linux

package server

import "syscall"

// endWithParent does nothing where the system has no such notice: there a server may outlive a killed
// parent until the next Start on the same data directory ends it.
func endWithParent(*syscall.SysProcAttr) {}

// Other systems have no directory in memory that every user may use.
const memoryDir = ""

func memoryFree() uint64 { return 0 }
