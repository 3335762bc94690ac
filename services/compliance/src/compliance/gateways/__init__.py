"""What leaves compliance: orders, runs, alerts, metrics, questions to stores and to the ingester."""
