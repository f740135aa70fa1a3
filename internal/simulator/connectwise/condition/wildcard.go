package condition

import (
	"strings"
	"unicode/utf8"
)

// wildcards is a compiled LIKE pattern: % and * stand for any text, _ for one character, [abc] and [a-c] for
// one of a set, [^abc] for one outside it. A literal bracket is written [[]. Case does not matter.
type wildcards struct{ pieces []piece }

// piece is one position of a pattern.
type piece struct {
	kind    pieceKind
	literal rune
	set     []runeRange
	negated bool
}

type pieceKind int

const (
	literalPiece pieceKind = iota
	anyTextPiece
	anyRunePiece
	setPiece
)

type runeRange struct{ from, to rune }

func compileWildcards(pattern string) wildcards {
	var w wildcards
	runes := []rune(fold(pattern))
	for i := 0; i < len(runes); i++ {
		switch r := runes[i]; r {
		case '%', '*':
			if n := len(w.pieces); n == 0 || w.pieces[n-1].kind != anyTextPiece {
				w.pieces = append(w.pieces, piece{kind: anyTextPiece})
			}
		case '_':
			w.pieces = append(w.pieces, piece{kind: anyRunePiece})
		case '[':
			set, length := readSet(runes[i:])
			w.pieces = append(w.pieces, set)
			i += length - 1
		default:
			w.pieces = append(w.pieces, piece{kind: literalPiece, literal: r})
		}
	}
	return w
}

// readSet reads [...] at the start of runes and returns how many runes it takes; a bracket that is never
// closed stands for itself.
func readSet(runes []rune) (piece, int) {
	end := -1
	for i := 2; i < len(runes) && end < 0; i++ {
		if runes[i] == ']' {
			end = i
		}
	}
	if end < 0 {
		return piece{kind: literalPiece, literal: '['}, 1
	}
	p := piece{kind: setPiece}
	inner := runes[1:end]
	if inner[0] == '^' && len(inner) > 1 {
		p.negated, inner = true, inner[1:]
	}
	for i := 0; i < len(inner); i++ {
		if i+2 < len(inner) && inner[i+1] == '-' {
			p.set = append(p.set, runeRange{from: inner[i], to: inner[i+2]})
			i += 2
			continue
		}
		p.set = append(p.set, runeRange{from: inner[i], to: inner[i]})
	}
	return p, end + 1
}

func (p piece) matches(r rune) bool {
	switch p.kind {
	case literalPiece:
		return p.literal == r
	case setPiece:
		for _, span := range p.set {
			if r >= span.from && r <= span.to {
				return !p.negated
			}
		}
		return p.negated
	default:
		return true
	}
}

// match walks text once, going back only to the latest any-text piece, so that no pattern takes more than
// the product of both lengths.
func (w wildcards) match(text string) bool {
	text = fold(text)
	at, next := 0, 0
	retryAt, retryNext := -1, 0
	for at < len(text) {
		r, size := utf8.DecodeRuneInString(text[at:])
		switch {
		case next < len(w.pieces) && w.pieces[next].kind == anyTextPiece:
			next++
			retryAt, retryNext = at, next
		case next < len(w.pieces) && w.pieces[next].matches(r):
			at += size
			next++
		case retryAt >= 0:
			_, skipped := utf8.DecodeRuneInString(text[retryAt:])
			retryAt += skipped
			at, next = retryAt, retryNext
		default:
			return false
		}
	}
	for next < len(w.pieces) && w.pieces[next].kind == anyTextPiece {
		next++
	}
	return next == len(w.pieces)
}

// fold makes texts comparable without regard to case.
func fold(s string) string { return strings.ToLower(s) }
