package condition

import (
	"strings"
	"time"

	"github.com/shopspring/decimal"
)

// tokenKind tells the words of the language apart.
type tokenKind int

const (
	endToken tokenKind = iota
	nameToken
	literalToken
	operatorToken
	openToken
	closeToken
	commaToken
)

// token is one word; text is as written, value is set for literals other than true, false and null, which
// are names until the parser expects a value.
type token struct {
	kind  tokenKind
	text  string
	value Literal
}

// maxNumberLength bounds the digits of a number; no field holds longer ones.
const maxNumberLength = 40

// lexer splits a condition into tokens.
type lexer struct {
	text string
	at   int
}

func (l *lexer) next() (token, error) {
	for l.at < len(l.text) && strings.IndexByte(" \t\r\n", l.text[l.at]) >= 0 {
		l.at++
	}
	if l.at == len(l.text) {
		return token{kind: endToken, text: "the end"}, nil
	}
	switch c := l.text[l.at]; {
	case c == '(':
		return l.take(openToken, 1), nil
	case c == ')':
		return l.take(closeToken, 1), nil
	case c == ',':
		return l.take(commaToken, 1), nil
	case c == '"' || c == '\'':
		return l.quoted(c)
	case c == '[':
		return l.moment()
	case strings.IndexByte("=!<>", c) >= 0:
		return l.operator()
	case isDigit(c) || c == '-' || c == '.':
		return l.number()
	case isNameStart(c):
		return l.name(), nil
	default:
		return token{}, errorf("Unexpected character %q at position %d.", []rune(l.text[l.at:])[0], l.at+1)
	}
}

func (l *lexer) take(kind tokenKind, length int) token {
	t := token{kind: kind, text: l.text[l.at : l.at+length]}
	l.at += length
	return t
}

func (l *lexer) operator() (token, error) {
	for _, operator := range [...]Operator{LessOrEqual, GreaterOrEqual, NotEqual, Equal, Less, Greater} {
		if strings.HasPrefix(l.text[l.at:], string(operator)) {
			return l.take(operatorToken, len(operator)), nil
		}
	}
	return token{}, errorf("Unexpected character %q at position %d.", l.text[l.at], l.at+1)
}

// quoted reads a text. The quote itself is written by doubling it or after a backslash; callers do both.
func (l *lexer) quoted(quote byte) (token, error) {
	var text strings.Builder
	for i := l.at + 1; i < len(l.text); i++ {
		c := l.text[i]
		hasNext := i+1 < len(l.text)
		switch {
		case c == quote && hasNext && l.text[i+1] == quote:
			text.WriteByte(quote)
			i++
		case c == quote:
			t := token{kind: literalToken, text: l.text[l.at : i+1], value: Literal{Value: text.String()}}
			l.at = i + 1
			return t, nil
		case c == '\\' && hasNext && (l.text[i+1] == quote || l.text[i+1] == '\\'):
			text.WriteByte(l.text[i+1])
			i++
		default:
			text.WriteByte(c)
		}
	}
	return token{}, errorf("The text that begins at position %d has no closing quote.", l.at+1)
}

// moment reads a date-time in brackets.
func (l *lexer) moment() (token, error) {
	length := strings.IndexByte(l.text[l.at:], ']')
	if length < 0 {
		return token{}, errorf("The date that begins at position %d has no closing bracket.", l.at+1)
	}
	inner := strings.TrimSpace(l.text[l.at+1 : l.at+length])
	for _, layout := range [...]string{time.RFC3339Nano, "2006-01-02T15:04:05", time.DateTime, time.DateOnly} {
		if t, err := time.Parse(layout, inner); err == nil {
			read := l.take(literalToken, length+1)
			read.value = Literal{Value: t.UTC()}
			return read, nil
		}
	}
	return token{}, errorf("[%s] is not a valid date.", inner)
}

func (l *lexer) number() (token, error) {
	length := 1
	for l.at+length < len(l.text) && (isDigit(l.text[l.at+length]) || l.text[l.at+length] == '.') {
		length++
	}
	read := l.take(literalToken, length)
	number, err := decimal.NewFromString(read.text)
	if err != nil || length > maxNumberLength {
		return token{}, errorf("%s is not a valid number.", read.text)
	}
	read.value = Literal{Value: number}
	return read, nil
}

// name reads a path such as company/identifier as one word.
func (l *lexer) name() token {
	length := 1
	for l.at+length < len(l.text) {
		c := l.text[l.at+length]
		if !isNameStart(c) && !isDigit(c) && c != '/' {
			break
		}
		length++
	}
	return l.take(nameToken, length)
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isNameStart(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_'
}
