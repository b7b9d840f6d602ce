using Limn.Engine.Kernels;

namespace Limn.Engine.Operators;

/// <summary>What a kernel sees when it runs: the arrays of its inputs and, allocated, those of its outputs.</summary>
public sealed class KernelContext
{
    private readonly NdArray?[] slots;
    private readonly int[] inputs;
    private readonly int[] outputs;

    /// <param name="workers">The threads that may be used.</param>
    /// <param name="slots">The arrays of a run; may change between runs.</param>
    /// <param name="inputs">The slot of each input; -1 where one is left out.</param>
    /// <param name="outputs">The slot of each output; -1 where nobody needs it.</param>
    internal KernelContext(Workers workers, NdArray?[] slots, int[] inputs, int[] outputs)
    {
        Workers = workers;
        this.slots = slots;
        this.inputs = inputs;
        this.outputs = outputs;
    }

    public Workers Workers { get; }

    /// <summary>Stops a long kernel, such as a loop.</summary>
    public CancellationToken Cancellation { get; internal set; }

    /// <summary>The bytes that a kernel which runs graphs may take for one of their runs.</summary>
    public long MemoryLimit { get; internal set; } = long.MaxValue;

    public int InputCount => inputs.Length;

    public int OutputCount => outputs.Length;

    public bool Has(int input) => input < inputs.Length && inputs[input] >= 0;

    /// <summary>Whether output <paramref name="output"/> is wanted; the array of one that is not does not exist.</summary>
    public bool Wants(int output) => output < outputs.Length && outputs[output] >= 0;

    public NdArray Input(int index) => slots[inputs[index]]!;

    public NdArray Output(int index) => slots[outputs[index]]!;

    /// <summary>Hands over an output that the kernel made itself (<see cref="Operator.MakesOutputs"/>); one that nobody wants is dropped.</summary>
    public void Store(int output, NdArray array)
    {
        if (!Wants(output)) return;
        if (slots[outputs[output]] is { } planned) planned.CopyFrom(array.Dims.SequenceEqual(planned.Dims) ? array
            : throw new ShapeMismatchException($"output {output} came out as {NdArray.Describe(array.Dims)}, and {NdArray.Describe(planned.Dims)} was inferred."));
        else slots[outputs[output]] = array;
    }

    public ReadOnlySpan<float> Floats(int input) => Input(input).Floats;

    /// <summary>The elements of an optional floating input; empty when it is left out.</summary>
    public ReadOnlySpan<float> FloatsOrEmpty(int input) => Has(input) ? Input(input).Floats : [];

    public ReadOnlySpan<long> Integers(int input) => Input(input).Integers;

    public ReadOnlySpan<bool> Booleans(int input) => Input(input).Booleans;

    public ReadOnlySpan<int> Dims(int input) => Input(input).Dims;

    public Span<float> OutputFloats(int output = 0) => Output(output).Floats;

    public Span<long> OutputIntegers(int output = 0) => Output(output).Integers;

    public Span<bool> OutputBooleans(int output = 0) => Output(output).Booleans;

    public ReadOnlySpan<int> OutputDims(int output = 0) => Output(output).Dims;
}
