"""The naming rules of metrics."""

import pytest

from clawback_common.telemetry.metrics import counter, gauge, histogram, render


def test_declared_metrics_are_rendered() -> None:
    counter("test_things_total", "Things", ("kind",)).labels(kind="a").inc(2)
    gauge("test_age_seconds", "Age").set(3)
    histogram("test_size_bytes", "Size", buckets=(1, 10)).observe(5)
    text = render().decode()
    assert 'test_things_total{kind="a"} 2.0' in text
    assert "test_age_seconds 3.0" in text
    assert 'test_size_bytes_bucket{le="10.0"} 1.0' in text
    assert "process_resident_memory_bytes" in text
    assert "_created" not in text


@pytest.mark.parametrize("name", ["testThingsTotal", "test_things", "test", "test-things_total"])
def test_a_counter_without_snake_case_and_total_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        counter(name, "")


@pytest.mark.parametrize("name", ["test_age_ms", "test_age", "test_things_total"])
def test_a_gauge_without_its_unit_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="unit"):
        gauge(name, "")


@pytest.mark.parametrize("label", ["subject_id", "url", "Kind", "error"])
def test_a_label_with_unlimited_values_is_refused(label: str) -> None:
    with pytest.raises(ValueError, match=label):
        counter("test_refused_total", "", (label,))


def test_a_name_declared_twice_is_refused() -> None:
    counter("test_twice_total", "")
    with pytest.raises(ValueError, match="test_twice"):
        counter("test_twice_total", "")
