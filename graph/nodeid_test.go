package graph

import (
	"encoding/base64"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestNodeIDsComeBackAsTheirTypeAndNumber(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		typeName := rapid.SampledFrom([]string{typeOrganization, typeOffer, typePsaCompany, typeJob}).Draw(t, "type")
		number := rapid.Int64Range(1, 1<<31-1).Draw(t, "number")
		gotType, gotNumber, err := parseNodeID(nodeID(typeName, number))
		if err != nil || gotType != typeName || gotNumber != number {
			t.Fatalf("%s %d came back as %s %d, %v", typeName, number, gotType, gotNumber, err)
		}
	})
}

func TestWhatIsNoNodeIDIsRefusedWithAWordOfAdvice(t *testing.T) {
	t.Parallel()
	encode := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	for name, id := range map[string]string{
		"nothing":                      "",
		"a record number":              "17",
		"a Platform id":                "8dd26f39-c09d-5e91-90cd-9e6d4cae7b26",
		"no number":                    encode("Organization:"),
		"a negative number":            encode("Organization:-1"),
		"a number with leading zeros":  encode("Organization:007"),
		"a ConnectWise number too big": encode("PsaCompany:4294967297"),
		"no type":                      encode("17"),
		"padding":                      encode("Organization:1") + "=",
		"something huge":               strings.Repeat("A", 100_000),
	} {
		_, _, err := parseNodeID(id)
		if err == nil || !strings.Contains(err.Error(), "not a Platform id") {
			t.Errorf("%s: %v, want a refusal that says what to pass", name, err)
		}
		if err != nil && len(err.Error()) > 400 {
			t.Errorf("%s: the refusal repeats %d bytes of input", name, len(err.Error()))
		}
	}
	if _, err := parseID(typeOffer, nodeID(typeOrganization, 1)); err == nil || !strings.Contains(err.Error(), "Organization") {
		t.Errorf("the id of another type: %v, want a refusal that names the type", err)
	}
}
