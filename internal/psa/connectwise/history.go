package connectwise

import "time"

const (
	sliceTime       = 100 * time.Millisecond
	slicesPerMinute = int64(time.Minute / sliceTime)
)

// history counts the calls of the latest minute, to a tenth of a second. Its zero value counts from epoch.
type history struct {
	epoch time.Time
	// newest is the number of the latest slice since epoch; its count and those before it are in counts, where
	// slice n is at n modulo their number.
	newest int64
	counts [slicesPerMinute]int
}

// add counts a call made at a moment that is not before the epoch, or with -1 takes it back. A moment that is
// no longer in the latest minute is ignored.
func (h *history) add(at time.Time, calls int) {
	slice := int64(at.Sub(h.epoch) / sliceTime)
	for h.newest < slice {
		if slice-h.newest > slicesPerMinute {
			h.newest = slice - slicesPerMinute
		}
		h.newest++
		h.counts[h.newest%slicesPerMinute] = 0
	}
	if slice > h.newest-slicesPerMinute {
		h.counts[slice%slicesPerMinute] += calls
	}
}

// trailing returns how many calls the minute before now has, and when the first of them was; now if it has none.
func (h *history) trailing(now time.Time) (calls int, first time.Time) {
	h.add(now, 0)
	first = now
	for back := range slicesPerMinute {
		slice := h.newest - back
		if slice < 0 {
			break
		}
		if count := h.counts[slice%slicesPerMinute]; count > 0 {
			calls += count
			first = h.epoch.Add(time.Duration(slice) * sliceTime)
		}
	}
	return calls, first
}
