namespace Limn.Engine.Operators;

/// <summary>Every operator that can be read from a file.</summary>
public static class OperatorRegistry
{
    private static readonly Dictionary<(string Domain, string Name), OperatorDefinition> Known = Families().ToDictionary(d => (d.Domain, d.Name));

    /// <summary>All definitions, by domain and name.</summary>
    public static IEnumerable<OperatorDefinition> All => Known.Values.OrderBy(d => d.Domain).ThenBy(d => d.Name);

    /// <summary>The definition of an operator; null when there is none. "ai.onnx" is the empty domain.</summary>
    public static OperatorDefinition? Find(string domain, string name) => Known.GetValueOrDefault((domain == "ai.onnx" ? "" : domain, name));

    /// <summary>The known name that is nearest to an unknown one; null if none is near.</summary>
    public static string? Nearest(string name) => NearestName.Of(name, Known.Keys.Select(k => k.Name)).FirstOrDefault();

    // One line a family.
    private static IEnumerable<OperatorDefinition> Families() =>
    [
        .. StructureOperators.Definitions,
        .. If.Definitions,
        .. Loop.Definitions,
        .. ScanOperators.Definitions,
        .. RecurrentOperators.Definitions,
        .. ConvolutionOperators.Definitions,
        .. PoolingOperators.Definitions,
        .. MatrixOperators.Definitions,
        .. NormalizationOperators.Definitions,
        .. LocalNormalizationOperators.Definitions,
        .. ActivationOperators.Definitions,
        .. ArgExtremeOperators.Definitions,
        .. ArithmeticOperators.Definitions,
        .. CastOperator.Definitions,
        .. ComparisonOperators.Definitions,
        .. LogicOperators.Definitions,
        .. MathOperators.Definitions,
        .. PowOperator.Definitions,
        .. RectifierOperators.Definitions,
        .. ReductionOperators.Definitions,
        .. SoftmaxOperators.Definitions,
        .. TrigonometricOperators.Definitions,
        .. VariadicOperators.Definitions,
        .. ReshapeOperators.Definitions,
        .. JoinOperators.Definitions,
        .. SliceOperators.Definitions,
        .. PadOperators.Definitions,
        .. GatherOperators.Definitions,
        .. GatherNDOperators.Definitions,
        .. SequenceOperators.Definitions,
        .. SelectionOperators.Definitions,
        .. TreeEnsembleOperators.Definitions,
        .. LinearModelOperators.Definitions,
        .. SupportVectorOperators.Definitions,
        .. PreprocessingOperators.Definitions,
        .. CategoryOperators.Definitions,
        .. QuantizeOperators.Definitions,
        .. QuantizedProductOperators.Definitions,
        .. LossOperators.Definitions,
        .. TrainingOperators.Definitions,
        .. BitOperators.Definitions,
        .. SignalOperators.Definitions,
        .. TextOperators.Definitions,
        .. RandomOperators.Definitions,
        .. UniqueOperators.Definitions,
        .. OptionalOperators.Definitions,
        .. TensorSequenceOperators.Definitions,
        .. ResizeOperators.Definitions,
        .. GridSampleOperators.Definitions,
        .. DeformConvOperators.Definitions,
        .. RoiAlignOperators.Definitions,
        .. MaxRoiPoolOperators.Definitions,
        .. LpPoolOperators.Definitions,
        .. RmsNormalization.Definitions,
        .. TopK.Definitions,
        .. NonMaxSuppression.Definitions,
        .. EinsumOperators.Definitions,
        .. Determinant.Definitions,
        .. RearrangingOperators.Definitions,
        .. FusedOperators.Definitions,
        .. FusedNormalizationOperators.Definitions,
        .. FusedAttentionOperators.Definitions,
        .. GroupQueryAttentionOperator.Definitions,
        .. AttentionOperators.Definitions,
        .. RotaryEmbeddingOperators.Definitions,
        .. LinearAttentionOperators.Definitions,
        .. CacheOperators.Definitions,
    ];
}
