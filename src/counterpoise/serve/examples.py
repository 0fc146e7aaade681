"""Examples and forms that the API's description shows."""

from __future__ import annotations

from typing import Any

__all__ = ["DESCRIPTION", "LABELS", "PREDICTIONS", "ROWS"]

DESCRIPTION = """
Score rows as Amazon SageMaker's clients do (`boto3.client("sagemaker-runtime", endpoint_url=...)`) or as MLflow's do;
bring the truth later; change the model, the base rate, the costs or the line without dropping a request.

Rows are counted from 0. What is refused is refused whole: nothing of it is kept.
"""

_ANY = {"description": "A number, text, true, false, or null where the value is missing."}
_VALUES: dict[str, Any] = {"type": "array", "items": _ANY}
_RECORD: dict[str, Any] = {"type": "object", "additionalProperties": _ANY}
_ROW: dict[str, Any] = {
    "anyOf": [
        _RECORD,
        {"type": "object", "required": ["features"], "properties": {"features": _VALUES}},
        _VALUES,
    ]
}

_FORMS: dict[str, Any] = {
    "anyOf": [
        {
            "type": "object",
            "required": ["instances"],
            "properties": {"instances": {"type": "array", "items": _ROW}},
        },
        {
            "type": "object",
            "required": ["dataframe_split"],
            "properties": {
                "dataframe_split": {
                    "type": "object",
                    "required": ["data"],
                    "properties": {
                        "columns": {"type": "array", "items": {"type": "string"}},
                        "data": {"type": "array", "items": _VALUES},
                    },
                }
            },
        },
        {
            "type": "object",
            "required": ["dataframe_records"],
            "properties": {"dataframe_records": {"type": "array", "items": _RECORD}},
        },
        {"type": "object", "required": ["inputs"], "properties": {"inputs": {}}},
        {"type": "array", "items": _ROW},
    ]
}

ROWS: dict[str, Any] = {
    "required": True,
    "content": {
        "text/csv": {
            "schema": {"type": "string"},
            "examples": {
                "values": {"summary": "Values in the model's order", "value": "12.5,3,web\n80,1,shop\n"},
                "header": {"summary": "Values by name", "value": "amount,hour,channel\n12.5,3,web\n"},
            },
        },
        "application/json": {
            "schema": _FORMS,
            "examples": {
                "instances": {
                    "summary": "SageMaker",
                    "value": {"instances": [{"features": [12.5, 3, "web"]}, {"features": [80, 1, "shop"]}]},
                },
                "records": {
                    "summary": "Values by name, with ids",
                    "value": {
                        "instances": [{"amount": 12.5, "hour": 3, "channel": "web"}],
                        "ids": ["payment-17"],
                    },
                },
                "dataframe_split": {
                    "summary": "MLflow",
                    "value": {
                        "dataframe_split": {"columns": ["amount", "hour"], "data": [[12.5, 3], [80, 1]]}
                    },
                },
                "inputs": {
                    "summary": "MLflow, by column",
                    "value": {"inputs": {"amount": [12.5, 80], "hour": [3, 1]}},
                },
            },
        },
        "application/jsonlines": {
            "schema": {"type": "string"},
            "examples": {
                "lines": {
                    "summary": "A row a line",
                    "value": '{"features": [12.5, 3, "web"]}\n{"features": [80, 1, "shop"]}\n',
                }
            },
        },
    },
}

_SCORE = {"anyOf": [{"type": "number"}, {"type": "array", "items": {"type": "number"}}]}

_PREDICTION: dict[str, Any] = {
    "type": "object",
    "required": ["score", "predicted_label", "probability", "version", "id"],
    "properties": {
        "score": _SCORE,
        "predicted_label": {},
        "probability": {"type": "number"},
        "threshold": {"type": ["number", "null"]},
        "version": {"type": "integer"},
        "id": {"type": "string"},
    },
}

PREDICTIONS: dict[str, Any] = {
    "description": "A prediction for each row, with what it rests on.",
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["predictions"],
                "properties": {"predictions": {"type": "array", "items": _PREDICTION}},
            },
            "example": {
                "predictions": [
                    {
                        "score": 0.031,
                        "predicted_label": 0,
                        "probability": 0.031,
                        "threshold": 0.2,
                        "version": 3,
                        "id": "payment-17",
                    }
                ],
                "endpoint": "card-fraud",
                "variant": "champion",
                "version": 3,
                "model_version": "1+line=0.2",
                "operating_point": {"threshold": 0.2, "goal": "recall>=0.9", "base_rate": 0.002},
            },
        },
        "application/jsonlines": {"schema": {"type": "string"}},
        "text/csv": {"schema": {"type": "string"}, "example": "0.031,0\n"},
    },
}

LABELS: dict[str, Any] = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["labels"],
                "properties": {
                    "labels": {
                        "type": "array",
                        "minItems": 1,
                        "items": {
                            "type": "object",
                            "required": ["id", "label"],
                            "properties": {
                                "id": {"type": "string"},
                                "label": {"description": "One of the model's labels."},
                                "at": {"type": "string", "format": "date-time"},
                            },
                        },
                    }
                },
            },
            "examples": {
                "labels": {
                    "summary": "Days later, in any order",
                    "value": {"labels": [{"id": "payment-17", "label": 1}, {"id": "payment-4", "label": 0}]},
                }
            },
        },
        "text/csv": {
            "schema": {"type": "string"},
            "examples": {"csv": {"summary": "The same", "value": "id,label\npayment-17,1\npayment-4,0\n"}},
        },
        "application/jsonlines": {"schema": {"type": "string"}},
    },
}
