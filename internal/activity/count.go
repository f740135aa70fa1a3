package activity

import "fmt"

// Count puts a number before the noun, or the clause, that goes with it: 1 line, 2 lines.
func Count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
