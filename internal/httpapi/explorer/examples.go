package explorer

import (
	"embed"
	"fmt"
	"io/fs"
	"strings"
)

// exampleFiles hold one example each, in the order of their names. The comment
// at the top of a file is the title, in its first line, and a description, in
// the others; variables are in a file of the same name ending in .json.
//
//go:embed examples
var exampleFiles embed.FS

// Example is a worked operation.
type Example struct {
	// Title is a few words.
	Title string `json:"title"`
	// Description is a sentence or two.
	Description string `json:"description"`
	// Query is the document, with its comments.
	Query string `json:"query"`
	// Variables is a JSON object, or empty.
	Variables string `json:"variables"`
	// Open gives the example a tab from the start.
	Open bool `json:"open"`
}

// openTabs is how many examples have a tab from the start; more would not be
// readable.
const openTabs = 6

// Examples returns the examples that come with the gateway. It fails only if
// the binary was built wrong.
func Examples() ([]Example, error) {
	names, err := fs.Glob(exampleFiles, "examples/*.graphql")
	if err != nil {
		return nil, fmt.Errorf("explorer examples: %w", err)
	}
	var examples []Example
	for i, name := range names {
		query, err := exampleFiles.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("explorer examples: %w", err)
		}
		example := newExample(string(query))
		if example.Title == "" {
			return nil, fmt.Errorf("explorer examples: %s does not begin with a title", name)
		}
		example.Open = i < openTabs
		variables := strings.TrimSuffix(name, ".graphql") + ".json"
		if content, err := exampleFiles.ReadFile(variables); err == nil {
			example.Variables = strings.TrimSpace(string(content))
		}
		examples = append(examples, example)
	}
	return examples, nil
}

func newExample(query string) Example {
	example := Example{Query: strings.TrimSpace(query)}
	var description []string
	for line := range strings.Lines(example.Query) {
		comment, ok := strings.CutPrefix(strings.TrimSpace(line), "#")
		if !ok {
			break
		}
		comment = strings.TrimSpace(comment)
		if example.Title == "" {
			example.Title = comment
		} else if comment != "" {
			description = append(description, comment)
		}
	}
	example.Description = strings.Join(description, " ")
	return example
}
