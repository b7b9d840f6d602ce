using System.Collections.Concurrent;

namespace Limn.Engine.Operators.Compiled;

/// <summary>How an input of a fused step lies under a result of [rows, columns].</summary>
internal enum OperandKind
{
    /// <summary>[rows, columns].</summary>
    Full,

    /// <summary>[columns], the same for every row.</summary>
    Row,

    /// <summary>[rows, 1].</summary>
    Column,

    /// <summary>One number.</summary>
    Single,
}

/// <summary>One operator of a fused step. Its operands are numbered: the inputs of the step, then its outputs, then what is only in between.</summary>
internal sealed record FusedPart(string Name, Operator Operator, int[] Inputs, int Output);

/// <summary>
/// A chain of element-by-element operators run a few thousand elements at a time, so that what is in between stays in the first-level cache and never goes to memory.
/// Where every operator is a function of a <see cref="Kernels.VectorProgram"/> the chain is one; else the kernels of single steps run on parts of the arrays.
/// </summary>
/// <param name="name">For profiles.</param>
/// <param name="parts">The operators, in order.</param>
/// <param name="kinds">How each input of the step lies.</param>
/// <param name="numbers">For each input the number that it is at all times; null for others.</param>
/// <param name="types">The element types of all operands.</param>
/// <param name="outputs">How many outputs there are.</param>
/// <param name="columns">The length of a row; 0 where no input is a row or a column, so that any cut will do.</param>
internal sealed class FusedElementwise(
    string name, IReadOnlyList<FusedPart> parts, OperandKind[] kinds, float?[] numbers, ElementType[] types, int outputs, int columns) : CompiledOperator(name)
{
    private const int ElementsAtOnce = 8192;

    private readonly ConcurrentBag<NdArray?[]> frames = [];
    private readonly ElementProgram? program = ElementProgram.Of(parts, kinds, numbers, types, outputs, columns);

    public IReadOnlyList<FusedPart> Parts => parts;

    public override bool MayOverwrite(int input) => program is not null && program.MayOverwrite(input);

    public override void Execute(KernelContext context)
    {
        if (program is not null)
        {
            program.Run(context);
            return;
        }
        int length = context.Output(0).Length, rowLength = Math.Max(1, columns);
        if (length == 0) return;
        int rows = length / rowLength, rowsAtOnce = Math.Clamp(ElementsAtOnce / rowLength, 1, rows), chunks = (rows + rowsAtOnce - 1) / rowsAtOnce;
        context.Workers.Ranges(chunks, 4, (from, to) =>
        {
            if (!frames.TryTake(out NdArray?[]? slots)) slots = new NdArray?[types.Length];
            for (int c = from; c < to; c++) Run(context, slots, c * rowsAtOnce, Math.Min(rowsAtOnce, rows - c * rowsAtOnce), rowLength);
            for (int i = 0; i < kinds.Length + outputs; i++) slots[i] = null;
            frames.Add(slots);
        });
    }

    private void Run(KernelContext context, NdArray?[] slots, int firstRow, int rows, int rowLength)
    {
        int[] full = columns == 0 ? [rows] : [rows, rowLength];
        for (int i = 0; i < kinds.Length; i++)
        {
            NdArray given = context.Input(i);
            slots[i] = kinds[i] switch
            {
                OperandKind.Full => Window(given, firstRow * rowLength, full),
                OperandKind.Column => Window(given, firstRow, [rows, 1]),
                OperandKind.Row => given.Reshape(rowLength),
                _ => given.Reshape(1),
            };
        }
        for (int i = 0; i < outputs; i++) slots[kinds.Length + i] = Window(context.Output(i), firstRow * rowLength, full);
        for (int i = kinds.Length + outputs; i < slots.Length; i++)
            if (slots[i] is not { } kept || !kept.Dims.SequenceEqual(full)) slots[i] = NdArray.Create(types[i], full);
        foreach (FusedPart part in parts)
            Compilation.Folding.Execute(part.Operator, part.Name, new KernelContext(Kernels.Workers.Single, slots, part.Inputs, [part.Output]));
    }

    private static NdArray Window(NdArray of, int start, int[] dims)
    {
        int length = NdArray.Count(dims);
        NdArray window = of.Type == ElementType.Bool ? new NdArray(of.BooleanMemory.Slice(start, length), dims) : new NdArray(of.FloatMemory.Slice(start, length), dims);
        return window.As(of.Type);
    }
}
