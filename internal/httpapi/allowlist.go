package httpapi

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/parser"
	"github.com/vektah/gqlparser/v2/validator"
)

// allowList are the documents that may be executed where only those may. Each
// is found by the hash of its file as it is, and of its text trimmed.
type allowList struct {
	byHash map[string]string
}

// documentSuffix is how the names of files end that are read.
const documentSuffix = ".graphql"

// loadAllowList reads every .graphql file of a directory and those below it.
// Its error names file and line of every document that could not be executed.
func loadAllowList(directory string, schema *ast.Schema, limits documentLimits) (*allowList, error) {
	documents, err := ReadDocuments(directory)
	if err != nil {
		return nil, err
	}
	list := &allowList{byHash: map[string]string{}}
	var problems []error
	for _, path := range slices.Sorted(maps.Keys(documents)) {
		content := documents[path]
		problems = append(problems, checkDocument(path, content, schema, limits))
		text := trimmed(content)
		list.byHash[hashOf(text)] = text
		list.byHash[hashOf(content)] = text
	}
	switch problem := errors.Join(problems...); {
	case problem != nil:
		return nil, fmt.Errorf("persisted documents that cannot be executed:\n%w", problem)
	case len(list.byHash) == 0:
		return nil, fmt.Errorf("%s holds no persisted documents: no file whose name ends with %s", directory, documentSuffix)
	}
	return list, nil
}

// ReadDocuments returns what is in every .graphql file of a directory and those
// below it, by path.
func ReadDocuments(directory string) (map[string]string, error) {
	documents := map[string]string{}
	err := filepath.WalkDir(directory, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, documentSuffix) {
			return err
		}
		content, err := os.ReadFile(path)
		documents[path] = string(content)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read persisted documents: %w", err)
	}
	return documents, nil
}

// checkDocument returns what is wrong with the document of a file, or nil.
func checkDocument(path, text string, schema *ast.Schema, limits documentLimits) error {
	if !utf8.ValidString(text) {
		return fmt.Errorf("%s: this is not UTF-8", path)
	}
	document, err := parser.ParseQueryWithTokenLimit(&ast.Source{Name: path, Input: text}, limits.limits.Tokens)
	if err != nil {
		return inFile(path, gqlerror.List{gqlerror.WrapIfUnwrapped(err)})
	}
	if len(document.Operations) == 0 {
		return fmt.Errorf("%s:1: the file holds no operation; each has to hold whole documents, fragments included", path)
	}
	if problems := validator.ValidateWithRules(schema, document, validationRules()); len(problems) > 0 {
		return inFile(path, problems)
	}
	for _, operation := range document.Operations {
		if err := limits.checkSize(document, operation); err != nil {
			return fmt.Errorf("%s:%d: %w", path, operation.Position.Line, err)
		}
	}
	return nil
}

// inFile says where in a file each problem is.
func inFile(path string, problems gqlerror.List) error {
	var result []error
	for _, problem := range problems {
		line := 1
		if len(problem.Locations) > 0 {
			line = problem.Locations[0].Line
		}
		result = append(result, fmt.Errorf("%s:%d: %s", path, line, problem.Message))
	}
	return errors.Join(result...)
}
