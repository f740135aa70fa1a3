package httpapi

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler/lru"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/parser"
)

// persistedExtension is where a request says the hash of its document.
const persistedExtension = "persistedQuery"

// persistedDocuments lets callers send the SHA-256 of a document instead of
// its text, as the protocol of automatic persisted queries has it: who sends a
// hash that is not known is told so and sends both once. Where only some
// documents are allowed, it refuses all others. It is one of gqlgen's hooks.
// Each replica remembers for itself.
type persistedDocuments struct {
	present    *presenter
	remembered *lru.LRU[string]
	// allowed are the only documents to execute; nil if all are.
	allowed *allowList
	// introspection tells whether introspection is allowed beside them.
	introspection bool
	tokens        int
}

var (
	_ graphql.OperationParameterMutator = persistedDocuments{}
	_ graphql.OperationContextMutator   = persistedDocuments{}
)

func newPersistedDocuments(config Config, limits Limits, present *presenter) (persistedDocuments, error) {
	result := persistedDocuments{
		present: present, remembered: lru.New[string](limits.CachedDocuments),
		introspection: !config.HideSchema, tokens: limits.Tokens,
	}
	if config.PersistedOnly == "" {
		return result, nil
	}
	check := documentLimits{limits: limits, hideSchema: config.HideSchema}
	var err error
	result.allowed, err = loadAllowList(config.PersistedOnly, config.Schema.Schema(), check)
	return result, err
}

func (persistedDocuments) ExtensionName() string                   { return "PersistedDocuments" }
func (persistedDocuments) Validate(graphql.ExecutableSchema) error { return nil }

// MutateOperationParameters is called with every operation before it is read.
// It puts the text in where only the hash was sent.
func (p persistedDocuments) MutateOperationParameters(ctx context.Context, request *graphql.RawParams) *gqlerror.Error {
	if err := p.find(ctx, request); err != nil {
		return p.present.present(ctx, err)
	}
	return nil
}

func (p persistedDocuments) find(ctx context.Context, request *graphql.RawParams) error {
	hash, err := persistedHash(request.Extensions)
	if err != nil {
		return err
	}
	if hash == "" && strings.TrimSpace(request.Query) == "" {
		return nothingToExecute()
	}
	if hash != "" && request.Query != "" && hash != hashOf(request.Query) {
		return badRequest("extensions.persistedQuery.sha256Hash is not the SHA-256 of query.")
	}
	if p.allowed != nil {
		return p.findAllowed(hash, request)
	}
	if request.Query != "" {
		return nil
	}
	text, known := p.remembered.Get(ctx, hash)
	if !known {
		// Clients know this text, and send the document with its hash next.
		return refuse(codePersistedUnknown, "PersistedQueryNotFound")
	}
	request.Query = text
	return nil
}

func (p persistedDocuments) findAllowed(hash string, request *graphql.RawParams) error {
	if request.Query != "" {
		hash = hashOf(trimmed(request.Query))
	}
	text, known := p.allowed.byHash[hash]
	switch {
	case known:
		request.Query = text
		return nil
	case p.introspection && p.onlyIntrospects(request.Query):
		return nil
	}
	return refuse(codePersistedOnly, "This server executes only the documents that it was started with, and this is none of them.")
}

// onlyIntrospects tells whether a document asks for nothing but the schema.
func (p persistedDocuments) onlyIntrospects(text string) bool {
	document, err := parser.ParseQueryWithTokenLimit(&ast.Source{Input: text}, p.tokens)
	if err != nil || len(document.Operations) != 1 || document.Operations[0].Operation != ast.Query {
		return false
	}
	for _, selection := range document.Operations[0].SelectionSet {
		field, ok := selection.(*ast.Field)
		if !ok || !strings.HasPrefix(field.Name, "__") {
			return false
		}
	}
	return true
}

// maxRememberedText is longer, in bytes, than what clients write.
const maxRememberedText = 64 << 10

// MutateOperationContext is called with every operation that is valid. Only
// the documents of those are remembered.
func (p persistedDocuments) MutateOperationContext(ctx context.Context, operation *graphql.OperationContext) *gqlerror.Error {
	hash, err := persistedHash(operation.Extensions)
	if p.allowed == nil && err == nil && hash != "" && len(operation.RawQuery) <= maxRememberedText {
		p.remembered.Add(ctx, hash, operation.RawQuery)
	}
	return nil
}

// persistedHash is the hash that a request names, in lower case; empty if it
// names none.
func persistedHash(extensions map[string]any) (string, error) {
	given := extensions[persistedExtension]
	if given == nil {
		return "", nil
	}
	members, _ := given.(map[string]any)
	hash, _ := members["sha256Hash"].(string)
	switch {
	case fmt.Sprint(members["version"]) != "1":
		return "", badRequest("extensions.persistedQuery.version must be 1.")
	case len(hash) != hex.EncodedLen(sha256.Size):
		return "", badRequest("extensions.persistedQuery.sha256Hash must be a SHA-256 in 64 hexadecimal digits.")
	}
	return strings.ToLower(hash), nil
}

func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// trimmed is a document without what editors and version control add or change
// at the ends of lines and files.
func trimmed(text string) string {
	return strings.TrimSpace(strings.ReplaceAll(text, "\r\n", "\n"))
}
