package rule

// SyncStatus is where a line stands on its way to ConnectWise.
type SyncStatus string

// The statuses. The first three follow from what is known of a line that was not sent, the others from what
// happened when it was.
const (
	NotReady    SyncStatus = "NOT_READY"   // something blocks it
	Excluded    SyncStatus = "EXCLUDED"    // its organization is kept out of ConnectWise, whatever else blocks it
	Ready       SyncStatus = "READY"       // the next run posts it
	Syncing     SyncStatus = "SYNCING"     // a run is posting it
	Unconfirmed SyncStatus = "UNCONFIRMED" // sent, and the answer was lost
	Synced      SyncStatus = "SYNCED"      // posted, for good
	Failed      SyncStatus = "FAILED"      // refused; the next run tries it again
)

// StatusOf returns the status of a line that was not sent, given what blocks it.
func StatusOf(blockers []Blocker) SyncStatus {
	for _, blocker := range blockers {
		if blocker.Code == OrganizationExcluded {
			return Excluded
		}
	}
	if len(blockers) > 0 {
		return NotReady
	}
	return Ready
}

// IsFrozen reports whether a line in this status takes no change from any load, rule, mapping or user: it is in
// ConnectWise, or may be.
func (s SyncStatus) IsFrozen() bool {
	return s == Syncing || s == Unconfirmed || s == Synced
}
