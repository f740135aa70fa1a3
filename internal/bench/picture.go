package bench

import (
	"fmt"
	"strings"
)

// picture draws the comparisons as bars, of which the yardstick's has the full length.
func picture(all []comparison) string {
	const left, full, label, bar, gap, top = 220, 400, 120, 16, 34, 44
	longest := 1.0
	for _, c := range all {
		longest = max(longest, c.lane, c.plain)
	}
	var svg strings.Builder
	height := top + len(all)*(2*bar+gap)
	fmt.Fprintf(&svg, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="13">`+"\n", left+int(longest*full)+label, height)
	svg.WriteString(`<rect width="100%" height="100%" fill="#fff"/>` + "\n")
	fmt.Fprintf(&svg, `<text x="16" y="24" fill="#222">Throughput, as a share of a hand-written handler's</text>`+"\n")
	fmt.Fprintf(&svg, `<line x1="%d" y1="%d" x2="%d" y2="%d" stroke="#999" stroke-dasharray="4 3"/>`+"\n", left+full, top-8, left+full, height-gap/2)
	for i, c := range all {
		y := top + i*(2*bar+gap)
		fmt.Fprintf(&svg, `<text x="16" y="%d" fill="#222">%s</text>`+"\n", y+bar+4, c.name)
		for j, part := range []struct {
			share       float64
			name, color string
		}{{c.lane, "crosswalk", "#1f6feb"}, {c.plain, "plain resolvers", "#b6bfc9"}} {
			at := y + j*(bar+2)
			fmt.Fprintf(&svg, `<rect x="%d" y="%d" width="%.0f" height="%d" fill="%s"><title>%s</title></rect>`+"\n", left, at, part.share*full, bar, part.color, part.name)
			fmt.Fprintf(&svg, `<text x="%.0f" y="%d" fill="#444" font-size="11">%.2f %s</text>`+"\n", left+part.share*full+6, at+bar-4, part.share, part.name)
		}
	}
	svg.WriteString("</svg>\n")
	return svg.String()
}
