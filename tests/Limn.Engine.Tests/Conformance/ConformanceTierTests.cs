using Limn.Engine.Onnx;
using Limn.Engine.Onnx.Schema;
using Limn.Engine.Operators;
using Xunit.Abstractions;

namespace Limn.Engine.Tests.Conformance;

/// <summary>How much of the official node suite passes, by the operators that models of practice use.</summary>
public class ConformanceTierTests(ITestOutputHelper log)
{
    /// <summary>What the exporters of PyTorch, TensorFlow and scikit-learn make of usual networks.</summary>
    private static readonly HashSet<string> First = Split("""
        Conv ConvTranspose MaxPool AveragePool GlobalAveragePool BatchNormalization LayerNormalization InstanceNormalization Relu LeakyRelu PRelu Sigmoid HardSigmoid
        HardSwish Tanh Erf Gelu Clip Softmax LogSoftmax Gemm MatMul Add Sub Mul Div Pow Neg Abs Sqrt Exp Log Reciprocal Max Min Sum Where Equal Greater Less Not And
        ReduceMean ReduceSum ReduceMax ReduceMin ArgMax Reshape Flatten Transpose Squeeze Unsqueeze Concat Split Slice Gather Expand Tile Pad Resize Shape Constant
        ConstantOfShape Identity Dropout Cast Range LSTM
        """);

    /// <summary>Recurrence, control flow, attention, indexing and the rest of what an exported network may hold.</summary>
    private static readonly HashSet<string> Second = [.. First, .. Split("""
        GRU RNN If Loop Scan Attention RotaryEmbedding RMSNormalization GroupNormalization Einsum TopK CumSum OneHot GatherElements GatherND ScatterElements ScatterND Scatter
        Trilu GridSample LpPool GlobalLpPool LRN DepthToSpace SpaceToDepth Mish Celu ThresholdedRelu Softsign Softplus ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceProd
        ReduceSumSquare ArgMin NonMaxSuppression RoiAlign GlobalMaxPool Elu Selu Hardmax Shrink LpNormalization MeanVarianceNormalization Swish Sin Cos Tan Asin Acos Atan
        Sinh Cosh Asinh Acosh Atanh IsNaN IsInf Mod Floor Ceil Round Sign Xor Or LessOrEqual GreaterOrEqual BitShift ReverseSequence EyeLike Compress Unique NonZero Size
        CastLike Mean Upsample
        """)];

    /// <summary>Cases of those operators that do not pass, and why.</summary>
    private static readonly Dictionary<string, string> Refused = new()
    {
        ["test_training_dropout"] = "training mode, with the numbers of NumPy's generator",
        ["test_training_dropout_default"] = "training mode, with the numbers of NumPy's generator",
        ["test_training_dropout_default_mask"] = "training mode, with the numbers of NumPy's generator",
        ["test_training_dropout_mask"] = "training mode, with the numbers of NumPy's generator",
        ["test_training_dropout_zero_ratio"] = "training mode",
        ["test_training_dropout_zero_ratio_mask"] = "training mode",
    };

    [SharedFact("onnx-node.zip")]
    public void Usual_operators_pass_all_their_cases_and_plain_tensors_nearly_all_of_theirs()
    {
        var plain = ConformanceCase.All.Value.Select(r => (r.Outcome.Case, Types: TypesOf(r.Case), Operators: OperatorsOf(r.Case), Passed: r.Outcome.Verdict == Verdict.Passed))
            .Where(r => r.Types.IsSubsetOf([ElementType.Float, ElementType.Int32, ElementType.Int64, ElementType.Bool])).ToArray();
        var (first, second, floating) = (plain.Where(r => r.Operators.IsSubsetOf(First)), plain.Where(r => r.Operators.IsSubsetOf(Second)), plain.Where(r => r.Types.Contains(ElementType.Float)));
        log.WriteLine($"Of the cases with inputs and outputs of float, int32, int64 and bool pass: {Share(first)} of usual operators, {Share(second)} with those of special networks, {Share(floating)} of all that have some float.");
        foreach (var group in plain.Where(r => !r.Passed).GroupBy(r => string.Join('+', r.Operators.Order()))) log.WriteLine($"{group.Key}: {string.Join(", ", group.Select(r => r.Case))}");

        Assert.Equal((513, 1209), (first.Count(), floating.Count()));
        Assert.Equal(Refused.Keys.Order(), second.Where(r => !r.Passed).Select(r => r.Case).Order());
        Assert.True(floating.Count(r => r.Passed) >= 0.95 * floating.Count(), $"{Share(floating)} pass, less than 95 %.");

        static string Share(IEnumerable<(string, HashSet<ElementType>, HashSet<string>, bool Passed)> cases) => $"{cases.Count(c => c.Passed)}/{cases.Count()}";
    }

    private static HashSet<string> Split(string names) => [.. names.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)];

    /// <summary>The types of the inputs and outputs; undefined for what is not a tensor.</summary>
    private static HashSet<ElementType> TypesOf(ConformanceCase one)
    {
        GraphProto graph = ModelProto.Parser.ParseFrom(one.Model).Graph;
        return [.. graph.Input.Concat(graph.Output).Select(v => v.Type.TensorType is { } tensor ? (ElementType)tensor.ElemType : ElementType.Undefined)];
    }

    /// <summary>The operators of a case, with those of graphs inside nodes and of functions.</summary>
    private static HashSet<string> OperatorsOf(ConformanceCase one)
    {
        HashSet<string> found = [];
        ModelProto model = ModelProto.Parser.ParseFrom(one.Model);
        Look(model.Graph.Node);
        foreach (FunctionProto function in model.Functions) Look(function.Node);
        return found;

        void Look(IEnumerable<NodeProto> nodes)
        {
            foreach (NodeProto node in nodes)
            {
                found.Add(OnnxVersions.Domain(node.Domain) is { Length: > 0 } domain ? $"{domain}.{node.OpType}" : node.OpType);
                foreach (AttributeProto attribute in node.Attribute)
                    if (attribute.G is { } body) Look(body.Node);
            }
        }
    }
}
