"""The data model of alertwall: records, their legal transitions, and the store that keeps them."""
