package rule

import (
	"strings"
	"unicode"
	"unicode/utf16"
)

// maxAdditionText is the longest text that the invoice description of an Addition holds, in UTF-16 units. A text
// never has more characters than units, so it fits whichever ConnectWise counts.
const maxAdditionText = 6000

// AdditionText returns what the customer reads about a line: the name of its subscription, or the line's own
// description where it has none, and the charge type as the Platform wrote it. It is a single line.
func AdditionText(subscriptionName, description, chargeTypeText string) string {
	name := oneLine(subscriptionName)
	if name == "" {
		name = oneLine(description)
	}
	charge := oneLine(chargeTypeText)
	if name == "" || charge == "" {
		return shorten(name+charge, maxAdditionText)
	}
	return shorten(name+" - "+charge, maxAdditionText)
}

// oneLine makes every run of white space and control characters, line breaks above all, a single space.
func oneLine(text string) string {
	words := strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) })
	return strings.Join(words, " ")
}

// shorten cuts text after the last whole character that fits.
func shorten(text string, limit int) string {
	length := 0
	for i, r := range text {
		length += max(utf16.RuneLen(r), 1)
		if length > limit {
			return strings.TrimRight(text[:i], " ")
		}
	}
	return text
}
