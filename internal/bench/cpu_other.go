//go:build !linux

package bench

import "time"

// cpuOf is not known on this system.
func cpuOf(int) (own, others time.Duration) { return 0, 0 }

func parentOf(int) int { return 0 }
