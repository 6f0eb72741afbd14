//! One run.

use crate::{Bounds, INPUT_MAX, MODULE_MAX, Run, RunError};
use wasmi::errors::{ErrorKind, InstantiationError};
use wasmi::{
    Caller, CompilationMode, Config, EnforcedLimits, Engine, Error, Linker, Memory, Module, Store,
    StoreLimits, StoreLimitsBuilder, TrapCode,
};

/// Most calls within calls.
const DEPTH_MAX: usize = 1_000;
/// Bytes of the stack of values.
const STACK_MAX: usize = 1 << 20;
/// Entries of its table.
const TABLE_MAX: usize = 10_000;
/// Fuel of a call of ours, and bytes that one more pays for.
const CALL_FUEL: u64 = 16;
const BYTES_PER_FUEL: u64 = 8;

/// What a module's calls see.
struct State {
    input: Vec<u8>,
    output: Vec<u8>,
    most: usize,
    /// The output went over its bound.
    is_over: bool,
    limits: StoreLimits,
}

/// Runs a module on an input.
///
/// # Errors
/// [`RunError`], the same everywhere.
pub fn run(module: &[u8], input: &[u8], bounds: &Bounds) -> Result<Run, RunError> {
    for (what, is, most) in [("module", module.len(), MODULE_MAX), ("input", input.len(), INPUT_MAX)] {
        if is > most {
            return Err(RunError::TooLarge { what, is, most });
        }
    }
    let engine = Engine::new(&config());
    let module = Module::new(&engine, module).map_err(|error| RunError::Module(error.to_string()))?;
    for import in module.imports() {
        if import.module() != "tollgate" || !["input_size", "input", "output"].contains(&import.name()) {
            return Err(RunError::Import { module: import.module().into(), name: import.name().into() });
        }
    }
    let limits = StoreLimitsBuilder::new()
        .memory_size(bounds.memory)
        .table_elements(TABLE_MAX)
        .instances(1)
        .memories(1)
        .tables(1)
        .trap_on_grow_failure(true)
        .build();
    let state =
        State { input: input.to_vec(), output: Vec::new(), most: bounds.output, is_over: false, limits };
    let mut store = Store::new(&engine, state);
    store.limiter(|state| &mut state.limits);
    store.set_fuel(bounds.fuel).map_err(|error| RunError::Module(error.to_string()))?;
    let linker = linker(&engine).map_err(|error| RunError::Module(error.to_string()))?;
    let code = begin(&linker, &mut store, &module);
    let left = store.get_fuel().unwrap_or_default();
    let State { output, is_over, .. } = store.into_data();
    match code {
        Ok(code) => Ok(Run { code, output, fuel: bounds.fuel.saturating_sub(left) }),
        Err(Failed::Export(name)) => Err(RunError::Export(name)),
        Err(Failed::Error(_)) if is_over => Err(RunError::Bound("output")),
        Err(Failed::Error(error)) => Err(failed(&error)),
    }
}

/// Nothing whose result could differ: no floats, no vectors, one memory of 32 bits.
fn config() -> Config {
    let mut config = Config::default();
    config
        .floats(false)
        .wasm_multi_memory(false)
        .wasm_memory64(false)
        .wasm_custom_page_sizes(false)
        .wasm_wide_arithmetic(false)
        .consume_fuel(true)
        .compilation_mode(CompilationMode::Eager)
        .enforced_limits(EnforcedLimits::strict())
        .ignore_custom_sections(true)
        .set_max_recursion_depth(DEPTH_MAX)
        .set_max_stack_height(STACK_MAX);
    config
}

enum Failed {
    Export(&'static str),
    Error(Error),
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

fn begin(linker: &Linker<State>, store: &mut Store<State>, module: &Module) -> Result<i32, Failed> {
    let instance = linker.instantiate_and_start(&mut *store, module)?;
    if instance.get_memory(&*store, "memory").is_none() {
        return Err(Failed::Export("memory"));
    }
    let run = instance.get_typed_func::<(), i32>(&*store, "run");
    let run = run.map_err(|_| Failed::Export("function run() -> i32"))?;
    Ok(run.call(&mut *store, ())?)
}

fn linker(engine: &Engine) -> Result<Linker<State>, Error> {
    let mut linker = Linker::new(engine);
    linker.func_wrap("tollgate", "input_size", |caller: Caller<'_, State>| {
        i32::try_from(caller.data().input.len()).unwrap_or(i32::MAX)
    })?;
    linker.func_wrap(
        "tollgate",
        "input",
        |mut caller: Caller<'_, State>, to: i32, from: i32, length: i32| -> Result<(), Error> {
            let memory = memory(&mut caller, length)?;
            let (memory, state) = memory.data_and_store_mut(&mut caller);
            let from = part(from, length).and_then(|part| state.input.get(part));
            let to = part(to, length).and_then(|part| memory.get_mut(part));
            let (Some(from), Some(to)) = (from, to) else { return Err(TrapCode::MemoryOutOfBounds.into()) };
            to.copy_from_slice(from);
            Ok(())
        },
    )?;
    linker.func_wrap(
        "tollgate",
        "output",
        |mut caller: Caller<'_, State>, from: i32, length: i32| -> Result<(), Error> {
            let memory = memory(&mut caller, length)?;
            let (memory, state) = memory.data_and_store_mut(&mut caller);
            let Some(from) = part(from, length).and_then(|part| memory.get(part)) else {
                return Err(TrapCode::MemoryOutOfBounds.into());
            };
            if from.len() > state.most.saturating_sub(state.output.len()) {
                state.is_over = true;
                return Err(Error::new("too much output"));
            }
            state.output.extend_from_slice(from);
            Ok(())
        },
    )?;
    Ok(linker)
}

/// The caller's memory, once the copying of so many bytes is paid.
fn memory(caller: &mut Caller<'_, State>, length: i32) -> Result<Memory, Error> {
    let bytes = u64::from(unsigned(length));
    let cost = CALL_FUEL.saturating_add(bytes.checked_div(BYTES_PER_FUEL).unwrap_or_default());
    let left = caller.get_fuel()?.checked_sub(cost);
    caller.set_fuel(left.unwrap_or_default())?;
    left.ok_or(TrapCode::OutOfFuel)?;
    let memory = caller.get_export("memory").and_then(wasmi::Extern::into_memory);
    memory.ok_or_else(|| TrapCode::MemoryOutOfBounds.into())
}

/// WebAssembly's integers have no sign of their own: these are addresses.
const fn unsigned(value: i32) -> u32 {
    value.cast_unsigned()
}

fn part(from: i32, length: i32) -> Option<std::ops::Range<usize>> {
    let from = usize::try_from(unsigned(from)).ok()?;
    Some(from..from.checked_add(usize::try_from(unsigned(length)).ok()?)?)
}

/// The error in our terms, which are the same whatever the engine says.
fn failed(error: &Error) -> RunError {
    match error.as_trap_code() {
        Some(TrapCode::OutOfFuel) => RunError::Bound("fuel"),
        Some(TrapCode::GrowthOperationLimited) => RunError::Bound("memory"),
        Some(TrapCode::StackOverflow) => RunError::Bound("calls within calls"),
        Some(code) => RunError::Trap(code.trap_message().into()),
        None => match error.kind() {
            ErrorKind::Memory(_)
            | ErrorKind::Table(_)
            | ErrorKind::Instantiation(
                InstantiationError::FailedToInstantiateMemory(_)
                | InstantiationError::FailedToInstantiateTable(_),
            ) => RunError::Bound("memory"),
            ErrorKind::Fuel(_) => RunError::Bound("fuel"),
            _ => RunError::Module(error.to_string()),
        },
    }
}
