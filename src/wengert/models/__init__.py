"""Models: layers that are a whole.  Read model.py, then mlp.py."""

from wengert.layers.sequential import Sequential
from wengert.models.gpt import GPT
from wengert.models.language import GRULanguageModel, LSTMLanguageModel
from wengert.models.mlp import MLP
from wengert.models.model import Model
from wengert.models.resnet import ResNet, ResNet18, ResNet34, ResNet50, ResNet101, ResNet152
from wengert.models.squeezenet import SqueezeNet
from wengert.models.vgg import VGG16

__all__ = [
    "GPT",
    "MLP",
    "VGG16",
    "GRULanguageModel",
    "LSTMLanguageModel",
    "Model",
    "ResNet",
    "ResNet18",
    "ResNet34",
    "ResNet50",
    "ResNet101",
    "ResNet152",
    "Sequential",
    "SqueezeNet",
]
