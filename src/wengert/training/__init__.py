"""Training: a loop with callbacks that stops and resumes exactly.  Read trainer.py, whose plain loop is as good."""

from wengert.training.callbacks import (
    Callback,
    Checkpoint,
    CSVLog,
    Curves,
    EarlyStopping,
    Evaluation,
    Progress,
    Schedule,
    TensorBoard,
    latest,
)
from wengert.training.metrics import (
    F1,
    R2,
    Accuracy,
    ConfusionMatrix,
    Mean,
    MeanAbsoluteError,
    MeanSquaredError,
    Metric,
    Precision,
    Recall,
    RootMeanSquaredError,
    TopKAccuracy,
)
from wengert.training.tensorboard import EventWriter
from wengert.training.trainer import DivergenceError, Interrupted, Trainer

__all__ = [
    "F1",
    "R2",
    "Accuracy",
    "CSVLog",
    "Callback",
    "Checkpoint",
    "ConfusionMatrix",
    "Curves",
    "DivergenceError",
    "EarlyStopping",
    "Evaluation",
    "EventWriter",
    "Interrupted",
    "Mean",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "Metric",
    "Precision",
    "Progress",
    "Recall",
    "RootMeanSquaredError",
    "Schedule",
    "TensorBoard",
    "TopKAccuracy",
    "Trainer",
    "latest",
]
