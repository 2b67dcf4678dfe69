"""The classes of Keras that a model file from outside may name: those that only calculate.

It is a list of allowed ones, not of bad ones: a class that Keras adds is refused until somebody has
looked whether it only calculates. The list is written out here, since names are judged before
TensorFlow is there; a test holds it against the Keras installed.
"""

from __future__ import annotations


def _name_set(text: str) -> frozenset[str]:
    return frozenset(text.split())


REFUSED_LAYERS = _name_set(
    "FlaxLayer HashedCrossing Hashing IntegerLookup JaxLayer Lambda StringLookup TFSMLayer"
    " TextVectorization TorchModuleWrapper"
)
"""Layers that run code, or read files, named by the model file; they get a message of their own."""

# Every layer of Keras that only calculates on tensors, its aliases among them.
ALLOWED_LAYERS = _name_set(
    "Activation ActivityRegularization AdaptiveAveragePooling1D AdaptiveAveragePooling2D"
    " AdaptiveAveragePooling3D AdaptiveMaxPooling1D AdaptiveMaxPooling2D AdaptiveMaxPooling3D Add"
    " AdditiveAttention AlphaDropout Attention AugMix AutoContrast Average AveragePooling1D"
    " AveragePooling2D AveragePooling3D AvgPool1D AvgPool2D AvgPool3D BatchNormalization"
    " Bidirectional CategoryEncoding CenterCrop Concatenate"
    " ContrastLimitedAdaptiveHistogramEqualization Conv1D Conv1DTranspose Conv2D Conv2DTranspose"
    " Conv3D Conv3DTranspose ConvLSTM1D ConvLSTM2D ConvLSTM3D Convolution1D Convolution1DTranspose"
    " Convolution2D Convolution2DTranspose Convolution3D Convolution3DTranspose Cropping1D"
    " Cropping2D Cropping3D CutMix Dense DepthwiseConv1D DepthwiseConv2D Discretization Dot"
    " Dropout ELU EinsumDense Embedding Equalization Flatten GRU GRUCell GaussianDropout"
    " GaussianNoise GlobalAveragePooling1D GlobalAveragePooling2D GlobalAveragePooling3D"
    " GlobalAvgPool1D GlobalAvgPool2D GlobalAvgPool3D GlobalMaxPool1D GlobalMaxPool2D"
    " GlobalMaxPool3D GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D GroupNormalization"
    " GroupQueryAttention Identity InputLayer LSTM LSTMCell LayerNormalization LeakyReLU Masking"
    " MaxNumBoundingBoxes MaxPool1D MaxPool2D MaxPool3D MaxPooling1D MaxPooling2D MaxPooling3D"
    " Maximum MelSpectrogram Minimum MixUp MultiHeadAttention Multiply Normalization PReLU Permute"
    " Pipeline RMSNormalization RNN RandAugment RandomBrightness RandomColorDegeneration"
    " RandomColorJitter RandomContrast RandomCrop RandomElasticTransform RandomErasing RandomFlip"
    " RandomGaussianBlur RandomGrayscale RandomHue RandomInvert RandomPerspective"
    " RandomPosterization RandomRotation RandomSaturation RandomSharpness RandomShear"
    " RandomTranslation RandomZoom ReLU RepeatVector Rescaling Reshape Resizing"
    " ReversibleEmbedding STFTSpectrogram SeparableConv1D SeparableConv2D SeparableConvolution1D"
    " SeparableConvolution2D SimpleRNN SimpleRNNCell Softmax Solarization SpatialDropout1D"
    " SpatialDropout2D SpatialDropout3D SpectralNormalization StackedRNNCells Subtract"
    " TimeDistributed UnitNormalization UpSampling1D UpSampling2D UpSampling3D Wrapper"
    " ZeroPadding1D ZeroPadding2D ZeroPadding3D"
)
INITIALIZERS = _name_set(
    "Constant GlorotNormal GlorotUniform HeNormal HeUniform IdentityInitializer LecunNormal"
    " LecunUniform Ones Orthogonal OrthogonalInitializer RandomNormal RandomUniform STFT"
    " STFTInitializer TruncatedNormal VarianceScaling Zeros"
)
REGULARIZERS = _name_set("L1 L1L2 L2 OrthogonalRegularizer")
CONSTRAINTS = _name_set("MaxNorm MinMaxNorm NonNeg UnitNorm")
# What trainings are made of: optimizers and schedules; losses; metrics; the generator of seeds.
_TRAINING_PARTS = _name_set(
    "Adadelta Adafactor Adagrad Adam AdamW Adamax Ftrl Lamb Lion LossScaleOptimizer"
    " MultiOptimizer Muon Nadam RMSprop SGD ScheduleFreeAdamW"
    " CosineDecay CosineDecayRestarts ExponentialDecay InverseTimeDecay PiecewiseConstantDecay"
    " PolynomialDecay"
    " BinaryCrossentropy BinaryFocalCrossentropy CTC CategoricalCrossentropy"
    " CategoricalFocalCrossentropy CategoricalGeneralizedCrossEntropy CategoricalHinge Circle"
    " CosineSimilarity Dice Hinge Huber KLDivergence LogCosh MeanAbsoluteError"
    " MeanAbsolutePercentageError MeanSquaredError MeanSquaredLogarithmicError Poisson"
    " SparseCategoricalCrossentropy SquaredHinge Tversky"
    " AUC Accuracy BinaryAccuracy BinaryIoU CategoricalAccuracy ConcordanceCorrelation F1Score"
    " FBetaScore FalseNegatives FalsePositives IoU LogCoshError Mean MeanIoU MeanMetricWrapper"
    " OneHotIoU OneHotMeanIoU PearsonCorrelation Precision PrecisionAtRecall R2Score Recall"
    " RecallAtPrecision RootMeanSquaredError SensitivityAtSpecificity SparseCategoricalAccuracy"
    " SparseTopKCategoricalAccuracy SpecificityAtSensitivity Sum TopKCategoricalAccuracy"
    " TrueNegatives TruePositives"
    " SeedGenerator"
)
PRECISIONS = _name_set("bfloat16 float16 float32 float64 mixed_bfloat16 mixed_float16")
"""Number formats by the names that Keras 2 and 3 share."""
_PRECISION_CLASSES = {
    "keras": _name_set("DTypePolicy DTypePolicyMap FloatDTypePolicy Policy"),
    "keras.dtype_policies": _name_set(
        "AWQDTypePolicy DTypePolicy DTypePolicyMap FloatDTypePolicy GPTQDTypePolicy Int4DTypePolicy"
        " QuantizedDTypePolicy QuantizedFloat8DTypePolicy"
    ),
    "keras.mixed_precision": _name_set("DTypePolicy Policy"),
    "keras.quantizers": _name_set(
        "AWQConfig AbsMaxQuantizer Float8QuantizationConfig GPTQConfig Int4QuantizationConfig"
        " Int8QuantizationConfig"
    ),
}
ALLOWED_PRECISION_CLASSES = frozenset(
    (module, name) for module, names in _PRECISION_CLASSES.items() for name in names
)
"""Modules and classes of number formats: of float16, int8, int4 and float8 models."""
LAYER_SCALE = "LayerScale"
"""A layer within ConvNeXt, which Keras keeps beside that network."""
_INNER_CLASSES = _name_set(
    f"Functional Sequential Model {LAYER_SCALE}"
    " __keras_tensor__ __tensor__ __numpy__ __tuple__ __typespec__ __ellipsis__ __slice__ slice"
)
ALLOWED_CLASSES = (
    ALLOWED_LAYERS | INITIALIZERS | REGULARIZERS | CONSTRAINTS | _TRAINING_PARTS | _INNER_CLASSES
)
"""Class names a configuration may hold in a module of Keras, besides precision classes."""
OPERATIONS_MODULE = "keras.src.ops."
"""Where Keras keeps what ``x / 255`` on a symbolic tensor becomes; all of it only calculates."""
_OPERATIONS = {
    "core": _name_set("Cast ConvertToTensor SaturateCast Slice StopGradient Unstack"),
    "image": _name_set(
        "AffineTransform CropImages ExtractPatches GaussianBlur HSVToRGB PadImages RGBToGrayscale"
        " RGBToHSV Resize"
    ),
    "linalg": _name_set("Norm"),
    "math": _name_set("Erf Logsumexp Rsqrt TopK"),
    "nn": _name_set(
        "AdaptiveAveragePool AdaptiveMaxPool AveragePool BatchNorm Celu Conv ConvTranspose"
        " DepthToSpace DepthwiseConv DotProductAttention Elu Gelu Glu HardShrink HardSigmoid"
        " HardSilu HardTanh LayerNorm LeakyRelu LogSigmoid LogSoftmax MaxPool Moments Normalize"
        " OneHot RMSNorm Relu Relu6 Selu SeparableConv Sigmoid Silu SoftShrink Softmax Softplus"
        " Softsign SpaceToDepth SparsePlus SparseSigmoid Sparsemax Squareplus TanhShrink Threshold"
    ),
}


def module_of_operation(kind: str) -> str:
    """Return the module of an operation of Keras 3, most of which are NumPy's."""
    part = next((part for part, kinds in _OPERATIONS.items() if kind in kinds), "numpy")
    return OPERATIONS_MODULE + part
