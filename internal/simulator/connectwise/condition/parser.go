package condition

import "strings"

// maxDepth bounds nested parentheses, and with them the recursion of everything that walks an expression.
const maxDepth = 64

// Parse reads a condition. An empty one gives nil. The error is an *Error.
func Parse(text string) (Expression, error) {
	p := parser{lexer: lexer{text: text}}
	if err := p.advance(); err != nil {
		return nil, err
	}
	if p.current.kind == endToken {
		return nil, nil
	}
	e, err := p.alternatives()
	if err != nil {
		return nil, err
	}
	if p.current.kind != endToken {
		return nil, p.unexpected("AND, OR or the end")
	}
	return e, nil
}

// parser reads by recursive descent with one token of look-ahead.
type parser struct {
	lexer   lexer
	current token
	depth   int
}

func (p *parser) advance() error {
	next, err := p.lexer.next()
	p.current = next
	return err
}

func (p *parser) unexpected(wanted string) error {
	return errorf("Expected %s but found %s.", wanted, p.current.text)
}

func (p *parser) isKeyword(word string) bool {
	return p.current.kind == nameToken && strings.EqualFold(p.current.text, word)
}

// skipKeyword steps over the word if it is next.
func (p *parser) skipKeyword(word string) (bool, error) {
	if !p.isKeyword(word) {
		return false, nil
	}
	return true, p.advance()
}

func (p *parser) alternatives() (Expression, error) {
	terms, err := p.separated("or", p.conjunction)
	if err != nil || len(terms) == 1 {
		return first(terms), err
	}
	return &Any{Terms: terms}, nil
}

func (p *parser) conjunction() (Expression, error) {
	terms, err := p.separated("and", p.unit)
	if err != nil || len(terms) == 1 {
		return first(terms), err
	}
	return &All{Terms: terms}, nil
}

func first(terms []Expression) Expression {
	if len(terms) == 0 {
		return nil
	}
	return terms[0]
}

func (p *parser) separated(word string, read func() (Expression, error)) ([]Expression, error) {
	var terms []Expression
	for {
		term, err := read()
		if err != nil {
			return nil, err
		}
		terms = append(terms, term)
		if another, err := p.skipKeyword(word); err != nil || !another {
			return terms, err
		}
	}
}

func (p *parser) unit() (Expression, error) {
	if p.current.kind == openToken {
		return p.parenthesized()
	}
	if p.current.kind != nameToken {
		return nil, p.unexpected("a name")
	}
	path := p.current.text
	if err := p.advance(); err != nil {
		return nil, err
	}
	if p.current.kind == operatorToken {
		return p.comparison(path)
	}
	not, err := p.skipKeyword("not")
	if err != nil {
		return nil, err
	}
	switch {
	case p.isKeyword("in"):
		return p.membership(path, not)
	case p.isKeyword("contains"), p.isKeyword("like"):
		return p.pattern(path, not)
	}
	return nil, p.unexpected("an operator after " + path)
}

func (p *parser) parenthesized() (Expression, error) {
	p.depth++
	defer func() { p.depth-- }()
	if p.depth > maxDepth {
		return nil, errorf("Conditions may not be nested more than %d deep.", maxDepth)
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	e, err := p.alternatives()
	if err != nil {
		return nil, err
	}
	if p.current.kind != closeToken {
		return nil, p.unexpected("AND, OR or )")
	}
	return e, p.advance()
}

func (p *parser) comparison(path string) (Expression, error) {
	operator := Operator(p.current.text)
	if err := p.advance(); err != nil {
		return nil, err
	}
	value, err := p.literal()
	if err != nil {
		return nil, err
	}
	return &Comparison{Path: path, Operator: operator, Value: value}, nil
}

func (p *parser) membership(path string, not bool) (Expression, error) {
	if err := p.advance(); err != nil {
		return nil, err
	}
	if p.current.kind != openToken {
		return nil, p.unexpected("( after IN")
	}
	m := &Membership{Path: path, Not: not}
	for {
		if err := p.advance(); err != nil {
			return nil, err
		}
		value, err := p.literal()
		if err != nil {
			return nil, err
		}
		m.Values = append(m.Values, value)
		if p.current.kind == closeToken {
			return m, p.advance()
		}
		if p.current.kind != commaToken {
			return nil, p.unexpected(", or )")
		}
	}
}

func (p *parser) pattern(path string, not bool) (Expression, error) {
	contains := p.isKeyword("contains")
	if err := p.advance(); err != nil {
		return nil, err
	}
	value, err := p.literal()
	if err != nil {
		return nil, err
	}
	text, isText := value.Value.(string)
	if !isText {
		return nil, errorf("%s can only be matched with a text, not with %s.", path, value)
	}
	return &Pattern{Path: path, Not: not, Contains: contains, Text: text}, nil
}

// literal reads a value; true, false and null are words until here.
func (p *parser) literal() (Literal, error) {
	value := p.current.value
	switch {
	case p.current.kind == literalToken:
	case p.isKeyword("null"):
		value = Literal{}
	case p.isKeyword("true"):
		value = Literal{Value: true}
	case p.isKeyword("false"):
		value = Literal{Value: false}
	default:
		return Literal{}, p.unexpected("a value")
	}
	return value, p.advance()
}
