using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Limn.Engine.Graphs;
using Limn.Engine.Kernels;
using Limn.Engine.Operators;

namespace Limn.Engine.Compilation;

/// <summary>A compiled graph: steps over slots whose memory is laid out. Holds the memory of one run at a time.</summary>
internal sealed class Plan
{
    private readonly IReadOnlyList<PlanStep> steps;
    private readonly IReadOnlyList<SlotInfo> slots;
    private readonly int[] feeds;
    private readonly int[] fetches;
    private readonly int[] fresh; // fetched slots: in memory of their own, which the caller keeps
    private readonly MemoryPlan memory;
    private NdArray?[]? arrays;
    private KernelContext[]? contexts;
    private Workers? boundTo;

    public Plan(IReadOnlyList<PlanStep> steps, IReadOnlyList<SlotInfo> slots, int[] feeds, int[] fetches)
    {
        this.steps = steps;
        this.slots = slots;
        this.feeds = feeds;
        this.fetches = fetches;
        HashSet<int> wanted = [.. fetches];
        memory = new MemoryPlan(steps, slots, wanted);
        HashSet<int> roots = [.. wanted.Select(RootOf)];
        fresh = [.. roots.Where(s => slots[s].Kind == SlotKind.Computed && slots[s].Dims is not null)];
    }

    public IReadOnlyList<PlanStep> Steps => steps;

    /// <summary>The bytes of the arenas and of the fetched arrays: what a run needs beside weights and feeds.</summary>
    public long Bytes => 4L * memory.Sizes[0] + 8L * memory.Sizes[1] + memory.Sizes[2] + fresh.Sum(BytesOf);

    public ElementType TypeOf(int slot) => slots[slot].Type;

    /// <summary>The dimensions of a slot, for reports; null where they depend on data.</summary>
    public int[]? DimsOf(int slot) => slots[slot].Dims;

    /// <summary>Runs the plan.</summary>
    /// <param name="inputs">The fed arrays, in the order of the feeds.</param>
    /// <param name="workers">The threads that may be used.</param>
    /// <param name="memoryLimit">The most bytes that the run may take.</param>
    /// <param name="observer">Told each step's index and duration in stopwatch ticks; null for nobody.</param>
    /// <param name="cancellation">Looked at between steps.</param>
    /// <returns>The fetched arrays, in memory that belongs to the caller.</returns>
    public NdArray[] Run(IReadOnlyList<NdArray> inputs, Workers workers, long memoryLimit, Action<int, long>? observer, CancellationToken cancellation)
    {
        if (Bytes > memoryLimit) throw TooLarge(Bytes, memoryLimit);
        if (arrays is null || !ReferenceEquals(boundTo, workers)) Allocate(workers);
        long left = memoryLimit - Bytes;
        NdArray?[] live = arrays!;
        for (int i = 0; i < feeds.Length; i++) live[feeds[i]] = inputs[i].As(slots[feeds[i]].Type);
        foreach (int slot in fresh) live[slot] = NdArray.Create(slots[slot].Type, slots[slot].Dims!);

        for (int s = 0; s < steps.Count; s++)
        {
            cancellation.ThrowIfCancellationRequested();
            long started = observer is null ? 0 : System.Diagnostics.Stopwatch.GetTimestamp();
            PlanStep step = steps[s];
            int output = step.Outputs[0];
            if (output >= 0 && slots[output].ViewOf >= 0)
            {
                live[output] = live[slots[output].ViewOf]!.Reshape(slots[output].Dims!);
                if (live[output]!.Type != slots[output].Type) live[output] = live[output]!.As(slots[output].Type);
            }
            else
            {
                if (step.Dynamic) AllocateDynamic(step, live, ref left);
                (contexts![s].Cancellation, contexts[s].MemoryLimit) = (cancellation, left);
                Folding.Execute(step.Operator, step.Name, contexts[s]);
            }
            observer?.Invoke(s, System.Diagnostics.Stopwatch.GetTimestamp() - started);
        }

        var results = new NdArray[fetches.Length];
        var given = new HashSet<int>();
        for (int i = 0; i < results.Length; i++)
        {
            int root = RootOf(fetches[i]);
            bool own = slots[root].Kind == SlotKind.Computed && given.Add(root);
            results[i] = own ? live[fetches[i]]! : live[fetches[i]]!.Copy();
        }
        foreach (int slot in fresh) live[slot] = null;
        foreach (int slot in feeds) live[slot] = null;
        return results;
    }

    private int RootOf(int slot)
    {
        while (slots[slot].ViewOf >= 0) slot = slots[slot].ViewOf;
        return slot;
    }

    private long BytesOf(int slot) => BytesOf(slots[slot].Type, slots[slot].Dims!);

    private static long BytesOf(ElementType type, int[] dims) => NdArray.Count(dims) * (type.Storage() switch { Storage.Float => 4L, Storage.Integer or Storage.String => 8L, _ => 1L });

    private static LimnException TooLarge(long needed, long limit) =>
        new($"Running this model on such an input needs {Math.Max(needed, limit) / 1e9:F1} GB or more, and {limit / 1e9:F1} GB are there. Use a smaller batch or input.");

    private void Allocate(Workers workers)
    {
        var floats = Arena<float>(memory.Sizes[0]);
        var integers = Arena<long>(memory.Sizes[1]);
        var booleans = Arena<bool>(memory.Sizes[2]);
        arrays = new NdArray?[slots.Count];
        for (int i = 0; i < slots.Count; i++)
        {
            SlotInfo slot = slots[i];
            int offset = memory.OffsetOf(i);
            if (slot.Constant is not null) arrays[i] = slot.Constant;
            else if (offset >= 0)
            {
                int length = NdArray.Count(slot.Dims);
                NdArray array = slot.Type.Storage() switch
                {
                    Storage.Float => new NdArray(floats.Slice(offset, length), slot.Dims!),
                    Storage.Integer => new NdArray(integers.Slice(offset, length), slot.Dims!),
                    _ => new NdArray(booleans.Slice(offset, length), slot.Dims!),
                };
                arrays[i] = array.As(slot.Type);
            }
            else if (slot is { Type: ElementType.String, Kind: SlotKind.Computed, Dims: not null }) arrays[i] = NdArray.Create(slot.Type, slot.Dims);
        }
        contexts = [.. steps.Select(s => new KernelContext(workers, arrays, s.Inputs, s.Outputs))];
        boundTo = workers;
    }

    /// <summary>Finds out the shapes that depend on data, now that the data are there.</summary>
    private void AllocateDynamic(PlanStep step, NdArray?[] live, ref long left)
    {
        if (step.Operator.MakesOutputs)
        {
            foreach (int slot in step.Outputs)
                if (slot >= 0) live[slot] = null; // what an earlier run left
            return;
        }
        var inference = new InferenceContext(step.Operator, step.Name, step.Inputs.Length, step.Outputs.Length,
            i => step.Inputs[i] < 0 ? null : (live[step.Inputs[i]]!.Type, Shape.Of(live[step.Inputs[i]]!.Dims)),
            i => live[step.Inputs[i]]);
        inference.Run();
        for (int i = 0; i < step.Outputs.Length; i++)
        {
            var (type, shape) = inference.Outputs[i];
            if (shape is null || !shape.TryToArray(out int[]? dims))
                throw new LimnException($"The shape of output {i} of node '{step.Name}' ({step.Operator.Name}) cannot be determined.");
            long bytes = BytesOf(type, dims);
            if ((left -= bytes) < 0) throw TooLarge(bytes, left + bytes);
            if (step.Outputs[i] >= 0) live[step.Outputs[i]] = NdArray.Create(type, dims);
        }
    }

    /// <summary>Uninitialised memory, pinned and aligned to 64 bytes.</summary>
    private static unsafe Memory<T> Arena<T>(int length)
        where T : unmanaged
    {
        const int Line = 64;
        int padding = Line / sizeof(T);
        T[] array = GC.AllocateUninitializedArray<T>(checked(length + padding), pinned: true);
        nint misaligned = (nint)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(array)) % Line;
        return array.AsMemory(misaligned == 0 ? 0 : (int)((Line - misaligned) / sizeof(T)), length);
    }
}
