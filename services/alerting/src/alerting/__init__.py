"""The alerting service: notifies the people responsible, once per state of an alert, by the channels they chose."""
