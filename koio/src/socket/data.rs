//! The values that a program stores in a socket.

use std::{
    any::{Any, TypeId},
    sync::Arc,
};

use serde::{Serialize, de::DeserializeOwned};

use super::socket::Socket;
use crate::{Error, Result};

/// The most bytes of JSON that [`Socket::set_data`] takes.
const MAX_DATA: usize = 64 * 1024;

impl Socket {
    /// Stores a value in this socket, in place of an earlier one of the same type. Other nodes do not see it; for a
    /// value that they see there is [`set_data`](Self::set_data).
    ///
    /// Two values of one type need two types: `struct MessageRate(Rate)`, `struct UploadRate(Rate)`.
    pub fn set<T: Any + Send + Sync>(&self, value: T) {
        let value = Arc::new(value);
        let mut extras = self.extras();
        let before = extras
            .get_or_insert_default()
            .values
            .insert(TypeId::of::<T>(), value);
        // Unlocked first: dropping the old value runs the user's code.
        drop(extras);
        drop(before);
    }

    /// The value of this type that was [set](Self::set).
    #[must_use]
    pub fn get<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        let extras = self.extras();
        let value = extras.as_ref()?.values.get(&TypeId::of::<T>()).cloned();
        drop(extras);
        value?.downcast().ok()
    }

    /// Removes and returns the value of this type that was [set](Self::set).
    #[allow(clippy::must_use_candidate, reason = "the value may be of no interest")]
    pub fn remove<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        let mut extras = self.extras();
        let value = extras
            .as_mut()
            .and_then(|extras| extras.values.remove(&TypeId::of::<T>()));
        drop(extras);
        value?.downcast().ok()
    }

    /// The value that was set with [`set_data`](Self::set_data), read into a type. `None` if none was set.
    ///
    /// ```
    /// # use koio::{on, Context, Result};
    /// # use serde::{Deserialize, Serialize};
    /// #[derive(Serialize, Deserialize)]
    /// struct User { name: String }
    ///
    /// #[on("login")]
    /// async fn login(ctx: Context, name: String) -> Result<()> {
    ///     ctx.socket().set_data(&User { name })
    /// }
    ///
    /// #[on("who")]
    /// async fn who(ctx: Context) -> Result<Vec<String>> {
    ///     let mut names = Vec::new();
    ///     for socket in ctx.io().fetch_sockets().await? {
    ///         names.extend(socket.data::<User>()?.map(|user| user.name));
    ///     }
    ///     Ok(names)
    /// }
    /// ```
    ///
    /// # Errors
    /// Hidden from the client: the value does not fit `T`.
    pub fn data<T: DeserializeOwned>(&self) -> Result<Option<T>> {
        read_data(self.data_text().as_deref())
    }

    /// Stores one serialisable value in this socket, in place of an earlier one. Other nodes see it the next time that
    /// they [fetch](crate::IoHandle::fetch_sockets) the socket. It is a JSON object of at most 64 KiB.
    ///
    /// # Errors
    /// Hidden from the client: the value does not serialise, is no object, or is too long. The earlier value stays
    /// then.
    pub fn set_data<T: Serialize + ?Sized>(&self, value: &T) -> Result<()> {
        let text = serde_json::to_string(value)?;
        if !text.starts_with('{') {
            return Err(Error::internal(
                "the data of a socket must be a JSON object: a struct or a map",
            ));
        }
        if text.len() > MAX_DATA {
            return Err(Error::internal(format!(
                "the data of a socket may have {MAX_DATA} bytes of JSON (`set_data`): this value has {}",
                text.len()
            )));
        }
        self.extras().get_or_insert_default().data = Some(text.into());
        Ok(())
    }

    pub(super) fn data_text(&self) -> Option<Arc<str>> {
        self.extras().as_ref()?.data.clone()
    }
}

/// The data of a socket of this node or of another.
pub(super) fn read_data<T: DeserializeOwned>(text: Option<&str>) -> Result<Option<T>> {
    let value = text.map(serde_json::from_str).transpose();
    value.map_err(|error| {
        Error::internal(format!("the data of the socket: {error}")).because(Box::new(error))
    })
}
