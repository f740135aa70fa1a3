package server

import "syscall"

// endWithParent makes the program shut down when the thread that started it ends.
func endWithParent(attributes *syscall.SysProcAttr) { attributes.Pdeathsig = syscall.SIGINT }

// memoryDir is where files are kept in memory.
const memoryDir = "/dev/shm"

// memoryFree returns how many bytes memoryDir has room for; 0 if it does not exist.
func memoryFree() uint64 {
	var volume syscall.Statfs_t
	if err := syscall.Statfs(memoryDir, &volume); err != nil {
		return 0
	}
	return volume.Bavail * uint64(volume.Bsize)
}
