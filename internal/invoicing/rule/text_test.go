package rule_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"pgregory.net/rapid"

	"crosswalk/internal/invoicing/rule"
)

func TestAdditionText(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		subscription, description, charge, want string
	}{
		"subscription and charge type":                      {"Microsoft 365 E3", "E3, monthly", "CycleFee", "Microsoft 365 E3 - CycleFee"},
		"a charge type unknown here, as it was written":     {"Microsoft 365 E3", "", "Set-up Fee", "Microsoft 365 E3 - Set-up Fee"},
		"the description where there is no subscription":    {"", "Credit for March", "Correction", "Credit for March - Correction"},
		"the description where the subscription is a blank": {" ", "Credit for March", "Correction", "Credit for March - Correction"},
		"the charge type where there is nothing else":       {"", "", "OneTimeFee", "OneTimeFee"},
		"the name where there is no charge type":            {"Microsoft 365 E3", "", "", "Microsoft 365 E3"},
		"line breaks become spaces":                         {"Microsoft 365\r\nE3\n", "", "CycleFee", "Microsoft 365 E3 - CycleFee"},
		"so do tabs and the line breaks of Unicode":         {"Microsoft\t365\u2028E3\u0085plus", "", "CycleFee", "Microsoft 365 E3 plus - CycleFee"},
		"control characters do not get through":             {"Microsoft\x00365\x1b E3", "", "CycleFee", "Microsoft 365 E3 - CycleFee"},
		"names in any script":                               {"Приложение für 業務 😀", "", "CycleFee", "Приложение für 業務 😀 - CycleFee"},
		"a long name is cut":                                {strings.Repeat("n", 7000), "", "CycleFee", strings.Repeat("n", 6000)},
		"a name is cut between characters, not within":      {strings.Repeat("n", 5999) + "😀", "", "CycleFee", strings.Repeat("n", 5999)},
		"what is cut does not end in a space":               {strings.Repeat("n", 5999) + " n", "", "CycleFee", strings.Repeat("n", 5999)},
		"what just fits is not cut":                         {strings.Repeat("n", 5989), "", "CycleFee", strings.Repeat("n", 5989) + " - CycleFee"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := rule.AdditionText(c.subscription, c.description, c.charge); got != c.want {
				t.Errorf("AdditionText(%.40q, %.40q, %q) = %.60q (%d bytes), want %.60q (%d bytes)",
					c.subscription, c.description, c.charge, got, len(got), c.want, len(c.want))
			}
		})
	}
}

func TestAdditionTextIsOneLineThatFits(t *testing.T) {
	t.Parallel()
	texts := rapid.OneOf(rapid.String(), rapid.Custom(func(t *rapid.T) string {
		return strings.Repeat(rapid.StringN(1, 4, -1).Draw(t, "part"), rapid.IntRange(1, 4000).Draw(t, "times"))
	}))
	rapid.Check(t, func(t *rapid.T) {
		got := rule.AdditionText(texts.Draw(t, "subscription"), texts.Draw(t, "description"), rapid.String().Draw(t, "charge type"))
		if !utf8.ValidString(got) || len(utf16.Encode([]rune(got))) > 6000 {
			t.Errorf("AdditionText = %.60q of %d bytes, want valid text of at most 6000 characters", got, len(got))
		}
		if strings.ContainsFunc(got, unicode.IsControl) || strings.ContainsAny(got, "\u2028\u2029") || got != strings.TrimSpace(got) {
			t.Errorf("AdditionText = %.60q, want a single line without blanks around it", got)
		}
		if again := rule.AdditionText(got, "", ""); again != got {
			t.Errorf("AdditionText of %.60q = %.60q, want it unchanged", got, again)
		}
	})
}
